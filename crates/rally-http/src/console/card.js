// A deal on the board: its card, and the ways to move it.

import { button, fill, h, newId } from "./element.js";
import { money } from "./decimal.js";
import { nameElement } from "./names.js";
import { href } from "./router.js";
import { day } from "./time.js";

/** The card of a deal. `moveTo` is called with the id of a stage; without it the deal stays where it is. */
export function card(deal, { stages, moveTo }) {
    const element = h("li.card", { "data-id": deal.id, draggable: moveTo ? "true" : null });
    fill(element,
        h("a.name", { href: href("deals", deal.id), draggable: "false" }, deal.name),
        h("span.value", money(deal.value, deal.currency) ?? h("span.none", "no value")),
        h("span.detail", `${deal.probability} %`, deal.companyName && [" · ", nameElement("companies", deal.companyId, deal.companyName)],
            deal.contactName && [" · ", nameElement("contacts", deal.contactId, deal.contactName)]),
        (deal.ownerName || deal.expectedCloseDate) && h("span.detail", deal.ownerName, deal.ownerName && deal.expectedCloseDate && " · ", deal.expectedCloseDate && ["closes ", day(deal.expectedCloseDate)]),
        moveTo && moveButton(deal, stages, moveTo));
    return element;
}

function moveButton(deal, stages, moveTo) {
    const open = button("Move to…", () => moveMenu(open, deal, stages, moveTo), { class: "quiet move", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `Move to… (${deal.name})` });
    return open;
}

/** Opens the menu of the stages that a deal can go to. */
export function moveMenu(opener, deal, stages, moveTo) {
    document.querySelector(".stages-menu")?.remove();
    const items = stages.filter(({ id }) => id !== deal.stageId).map(stage => h("li", { role: "none" }, h("button", {
        type: "button", role: "menuitem", tabindex: "-1", onclick: () => {
            close();
            moveTo(stage.id);
        },
    }, stage.name)));
    const menu = h("ul.stages-menu", { role: "menu", id: newId("menu"), "aria-label": `Move ${deal.name} to` }, items);
    const buttons = () => [...menu.querySelectorAll("button")];
    let isOpen = true;
    const close = () => {
        // The focus leaves the menu when it goes, which would close it once more.
        if (!isOpen) return;
        isOpen = false;
        menu.remove();
        opener.setAttribute("aria-expanded", "false");
    };
    menu.addEventListener("keydown", event => {
        const all = buttons();
        const at = all.indexOf(document.activeElement);
        const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
        if (event.key in moves) all[(moves[event.key] + all.length) % all.length].focus();
        else if (event.key === "Escape") {
            close();
            opener.focus();
        } else return;
        event.preventDefault();
        event.stopPropagation();
    });
    menu.addEventListener("focusout", event => !menu.contains(event.relatedTarget) && close());
    opener.setAttribute("aria-expanded", "true");
    opener.after(menu);
    buttons()[0]?.focus();
}
