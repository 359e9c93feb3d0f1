// Dialogs: the browser's own, which keep the focus within and give it back.

import { button, fill, h, newId } from "./element.js";

/** Opens a dialog with a heading. `content` gets a function that closes it. */
export function openDialog(title, content) {
    const id = newId("dialog");
    const before = document.activeElement;
    const dialog = h("dialog", { "aria-labelledby": id });
    const close = () => dialog.close();
    dialog.addEventListener("close", () => {
        dialog.remove();
        if (before?.isConnected) before.focus();
    });
    const body = h("div.dialog-body");
    dialog.append(
        h("header", h("h2", { id }, title), button("×", close, { "aria-label": "Close", class: "quiet" })),
        body,
    );
    fill(body, content(close));
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[autofocus], .dialog-body :is(input, select, textarea)")?.focus();
    return close;
}

/** Asks before something that cannot be undone. `act` may fail, and is tried again then. */
export function confirm(title, text, verb, act) {
    openDialog(title, close => {
        const failed = h("p.fault", { role: "alert" });
        const go = button(verb, async () => {
            go.disabled = true;
            try {
                await act();
                close();
            } catch (error) {
                failed.textContent = error.told ?? String(error);
                go.disabled = false;
                go.focus();
            }
        }, { class: "danger" });
        return [h("p", text), failed, h("p.acts", go, button("Cancel", close, { autofocus: true }))];
    });
}
