// Export of what a table shows: all of it, not the page alone.

import { call } from "./api.js";
import { button, h } from "./element.js";
import { complain, say } from "./notice.js";

const FORMS = [["CSV", "export", "csv"], ["Excel", "export/excel", "xlsx"]];

/** The menu; `query` says what is exported. */
export function exportMenu(kind, query) {
    const menu = h("details.menu", h("summary", "Export"), h("ul", FORMS.map(([name, path, ending]) => h("li", button(name, async () => {
        menu.open = false;
        try {
            const { body } = await call("GET", `importexport/${kind}/${path}`, { query: query(), form: "blob" });
            download(body, `${kind}.${ending}`);
            say(`${kind}.${ending} is exported.`);
        } catch (error) {
            complain(error);
        }
    })))));
    return menu;
}

/** Gives a file to the browser's own store. */
export function download(blob, name) {
    const url = URL.createObjectURL(blob);
    const link = h("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
