"""Measures the console against a server of its own: a board of 10,000 deals, and a table of a million contacts.

    RALLY=target/release/rally target/console/python/bin/python crates/rally-http/tests/console/speed.py

It prints medians and 95th percentiles, and judges none of them. `CONTACTS=N` makes the table another size; an argument,
`board` or `table`, measures one of them.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from support import Fake, Server, Tab

DEALS = 10_000
CONTACTS = int(os.environ.get("CONTACTS", 1_000_000))
ROUNDS = 20

# Milliseconds from what is done until something has changed and is painted.
PAINTED = """({ act, selector, was }) => new Promise((resolve) => {
    const begin = performance.now();
    const isThere = () => document.querySelector(selector) && document.querySelector(selector).textContent !== was;
    const done = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
    const observer = new MutationObserver(() => {
        if (!isThere()) return;
        observer.disconnect();
        done();
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    if (act.hash) location.hash = act.hash;
    else document.querySelector(`[aria-label="${act.button}"]`).click();
})"""


# Keeps the milliseconds from the beginning of a load until the first card is painted.
FIRST_CARD = """new MutationObserver((_, observer) => {
    if (!document.querySelector(".card")) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.firstCard = performance.now(); }));
}).observe(document, { subtree: true, childList: true })"""


def tell(what, times):
    """Prints what has taken these milliseconds."""
    times = sorted(times)
    late = times[min(len(times) - 1, round(len(times) * 0.95))]
    print(f"{what:<52} median {statistics.median(times):6.0f} ms   95th {late:6.0f} ms   of {len(times)}", flush=True)


def board(browser):
    with Fake() as fake:
        stages = [stage["name"] for stage in fake.pipeline()["stages"]]
        for at, stage in enumerate(stages):
            fake.deals(DEALS // len(stages) + (at < DEALS % len(stages)), stage)
        tab = Tab(browser, fake)
        tab.context.add_init_script(FIRST_CARD)
        tab.sign_in(keep=True).show("board")
        paints, loads, pages = [], [], []
        for _ in range(ROUNDS):
            tab.page.reload()
            loads.append(first_card(tab))
            paints.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            tab.show("overview")
            pages.append(tab.evaluate(PAINTED, {"act": {"hash": "#/board"}, "selector": ".card", "was": ""}))
        tell(f"board of {DEALS:,} deals, loaded: its first paint", paints)
        tell(f"board of {DEALS:,} deals, loaded: its first cards", loads)
        tell(f"board of {DEALS:,} deals, from another page: its cards", pages)
        tab.show("board")
        for _ in range(ROUNDS):
            card = tab.column(stages[0]).locator(".card a").first
            name = card.inner_text()
            card.focus()
            tab.page.keyboard.press("Shift+ArrowRight")
            tab.says(f"{name} is in {stages[1]}")
        moves = tab.evaluate("performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/stage')).map(({ startTime, responseEnd }) => responseEnd - startTime)")
        tell("a move, from the request to the answer", moves[-ROUNDS:])
        tab.close()


def first_card(tab):
    tab.page.locator(".card").first.wait_for()
    return tab.evaluate("""() => new Promise((resolve) => {
        const look = () => window.firstCard ? resolve(window.firstCard) : setTimeout(look);
        look();
    })""")


def write_contacts(path):
    with open(path, "w", encoding="ascii") as file:
        file.write("firstName,lastName,email,phone,title,city\n")
        for at in range(CONTACTS):
            file.write(f"First{at % 977},Last{at},person{at}@company{at % 5000}.example,+49 30 {at:07},Manager,Berlin\n")


def filled_server(folder):
    """A server with the contacts."""
    with Server(folder) as server:
        key, store = server.key, server.store
    write_contacts(folder / "contacts.csv")
    begin = time.monotonic()
    command = [os.environ["RALLY"], "import", "--tenant", "acme", "--store", store, "contacts", folder / "contacts.csv"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"{CONTACTS:,} contacts are imported in {time.monotonic() - begin:.0f} s", flush=True)
    return Server(folder, key=key)


def table(browser):
    with tempfile.TemporaryDirectory() as name, filled_server(Path(name)) as server:
        tab = Tab(browser, server).sign_in()
        tab.show("contacts")
        tab.page.get_by_text(f"of {CONTACTS:,}".replace(",", "\u202f")).wait_for()

        def turn(label):
            where = tab.page.locator(".where").inner_text()
            return tab.evaluate(PAINTED, {"act": {"button": label}, "selector": ".where", "was": where})

        tell("table, the next page at its beginning", [turn("Next page") for _ in range(ROUNDS)])
        tab.show(f"contacts?offset={CONTACTS // 2}")
        tell("table, the next page in its middle", [turn("Next page") for _ in range(ROUNDS)])
        tell("table, the last page", [(turn("Last page"), turn("First page"))[0] for _ in range(ROUNDS)])
        turn("Last page")
        tell("table, the page before at its end", [turn("Previous page") for _ in range(ROUNDS)])
        tab.show("contacts?order=newest")
        tell("table, the next page of the newest", [turn("Next page") for _ in range(ROUNDS)])
        tab.close()


def main():
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for measure in [board, table]:
            if sys.argv[1:] in ([], [measure.__name__]):
                measure(browser)


if __name__ == "__main__":
    main()
