// Addresses within the console: what stands behind `#`, so that a server and proxies need to know one path.

/** The address of a page: `href("contacts", id)`, with a query as the last argument. */
export function href(...parts) {
    const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
    const given = Object.entries(query).filter(([, value]) => (value ?? "") !== "");
    const search = new URLSearchParams(given).toString();
    return `#/${parts.map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

/** The page that is asked for, as the parts of its path and its query. */
export function current() {
    const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
    const parts = path.split("/").filter(Boolean).map(part => {
        try {
            return decodeURIComponent(part);
        } catch {
            return part;
        }
    });
    return { parts, query: Object.fromEntries(new URLSearchParams(search ?? "")) };
}

/** Goes to a page. */
export function go(...parts) {
    location.hash = href(...parts);
}

/** Puts another query into the address of the page, without going anywhere. */
export function note(...parts) {
    const address = href(...parts);
    const pageOf = hash => hash.split("?")[0];
    // Whoever has just gone to another page is not called back.
    if (pageOf(location.hash) === pageOf(address)) history.replaceState(null, "", address);
}
