"""Every page for everybody: axe finds nothing serious, in light and dark, and at all widths nothing is cut off."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support import Fake

AXE = Path(os.environ["AXE"]).read_text()
WIDTHS = [320, 1024, 3840]
PAGES = [
    "overview", "board", "contacts", "companies", "deals", "activities", "contacts/<contact>", "companies/<company>", "deals/<deal>",
    "activities/<activity>", "contacts/import", "feed", "webhooks", "webhooks/<webhook>", "pipelines", "users", "keys", "settings", "audit", "clock", "faults", "inbox", "requests",
]


# Targets that are under 24 pixels wide or high and nearer than that to another one (WCAG 2.5.8). Links within a text are none.
SMALL_TARGETS = """() => {
    const targets = [...document.querySelectorAll("a, button, summary, input, select, textarea")]
        .filter((element) => !element.closest("p, dd, .detail") && element.checkVisibility({ visibilityProperty: true }) && !element.closest(".skip"))
        .map((element) => [element, (element.labels?.length ? element.parentElement : element).getBoundingClientRect()])
        .filter(([, box]) => box.width > 0);
    const isSmall = (box) => box.width < 24 || box.height < 24;
    const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
    const distance = ([x, y], box) => Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
    return targets.filter(([element, box]) => isSmall(box) && targets.some(([other, near]) => other !== element
        && (distance(middle(box), near) < 12 || (isSmall(near) && Math.hypot(middle(box)[0] - middle(near)[0], middle(box)[1] - middle(near)[1]) < 24))))
        .map(([element]) => element.outerHTML);
}"""

# True if a point of what has the focus is covered by nothing else.
IS_SEEN = """() => {
    const element = document.activeElement;
    const box = element.getBoundingClientRect();
    const points = [[.5, .5], [.02, .1], [.98, .9], [.02, .9], [.98, .1]].map(([x, y]) => [box.x + box.width * x, box.y + box.height * y]);
    return points.some(([x, y]) => {
        const top = document.elementFromPoint(x, y);
        return element.contains(top) || top?.contains(element) && top.closest("label, td, li") !== null;
    });
}"""


@pytest.fixture(scope="module")
def filled():
    """A fake with a record of each kind, and its pages."""
    with Fake() as fake:
        user = fake.user("olga@x.example")
        company = fake.post("companies", {"name": "Looms Ltd", "domain": "looms.example", "annualRevenue": 12345678.5, "ownerId": user["id"]})
        contact = fake.contact(companyId=company["id"], ownerId=user["id"], tags="math, poetry", notes="A long note. " * 20)
        deal = fake.deal("Two looms", value=1234567.89, companyId=company["id"], contactId=contact["id"], ownerId=user["id"], expectedCloseDate="2027-01-01")
        fake.deal("Three looms", "Closed Won", value=5)
        fake.call("PUT", f"api/v1/deals/{deal['id']}/bant", {"budget": {"rating": 2, "notes": "in spring"}})
        activity = fake.post("activities", {"activityType": "task", "subject": "Call back", "dealId": deal["id"], "priority": "urgent", "dueDate": "2027-01-01"})
        webhook = fake.post("webhooks", {"name": "Ledger", "url": f"{fake.url}/healthz", "events": ["*"]})
        fake.call("POST", f"api/v1/webhooks/{webhook['id']}/test")
        ids = {"contact": contact, "company": company, "deal": deal, "activity": activity, "webhook": webhook}
        pages = PAGES
        for name, record in ids.items():
            pages = [page.replace(f"<{name}>", record["id"]) for page in pages]
        yield fake, pages


def check(tab, what):
    """Asks axe, and fails with what it has found."""
    outcome = tab.evaluate(f"() => {{ {AXE}; return axe.run(document, {{ resultTypes: ['violations'] }}); }}")
    assert outcome["passes"] is not None and outcome["testEngine"]["name"] == "axe-core"
    found = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in outcome["violations"] if one["impact"] in ("serious", "critical")]
    assert not found, (what, found)


def picture(tab, name):
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        tab.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(filled, tabs, scheme):
    fake, pages = filled
    tab = tabs(fake, color_scheme=scheme)
    tab.goto(f"{fake.url}/console")
    check(tab, "sign-in")
    tab.sign_in()
    for page in pages:
        check(tab.show(page), page)
    tab.show("overview")
    for page, opening in [("contacts", "New contact"), ("deals", "New deal"), ("webhooks", "New webhook"), ("keys", "New API key"), ("users", "New user"), ("contacts", "Edit Ada Lovelace"), ("contacts", "Delete Ada Lovelace")]:
        tab.show(page)
        tab.button(opening).click()
        expect(tab.locator("dialog[open], form.inline").first).to_be_visible()
        check(tab, opening)
        tab.keyboard.press("Escape")
    tab.show("board")
    tab.button("Move to… (Two looms)").click()
    check(tab, "the menu of stages")
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    expect(tab.dialog()).to_contain_text("On every page")
    check(tab, "the keys")


def test_axe_would_find_something(filled, tabs):
    tab = tabs(filled[0]).sign_in()
    tab.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        check(tab, "a button without a name")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_window(filled, tabs, width):
    fake, pages = filled
    tab = tabs(fake)
    tab.set_viewport_size({"width": width, "height": 900 if width < 3000 else 2160})
    tab.sign_in()
    for page in pages:
        tab.show(page)
        tab.locator(".notice").first.wait_for(state="detached")
        picture(tab, f"{page.split('/')[0]}{'-one' if '/' in page else ''}-{width}")
        wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, (page, width, wide)
        small = tab.evaluate(SMALL_TARGETS)
        assert not small, (page, width, small)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_looked_at(filled, tabs, scheme):
    """Takes the pictures of the main pages, and holds that each has its heading and a title of its own."""
    fake, pages = filled
    tab = tabs(fake, color_scheme=scheme).sign_in()
    titles = set()
    for page in pages:
        tab.show(page)
        titles.add(tab.title())
        assert tab.locator("h1").count() == 1, page
        picture(tab, f"{scheme}-{page.split('/')[0]}{'-one' if '/' in page else ''}")
    assert len(titles) >= len(pages) - 1, titles


def test_every_page_is_reached_by_keys_and_the_focus_is_seen(filled, tabs):
    tab = tabs(filled[0]).sign_in()
    for key, title in [("b", "Board"), ("c", "Contacts"), ("p", "Companies"), ("d", "Deals"), ("a", "Activities"), ("f", "Feed"), ("w", "Webhooks"), ("u", "Users"), ("k", "API keys"), ("s", "Settings"), ("t", "Audit"), ("o", "Overview")]:
        tab.keyboard.press("g")
        tab.keyboard.press(key)
        expect(tab.locator("h1")).to_have_text(title)
        expect(tab.locator("main")).not_to_have_attribute("aria-busy", "true")
        expect(tab.locator("h1")).to_be_focused()
    tab.keyboard.press("g")
    tab.keyboard.press("c")
    expect(tab.locator("tbody tr")).to_have_count(1)
    tab.link("Skip to the page").focus()
    seen = set()
    for _ in range(45):
        tab.keyboard.press("Tab")
        outline, label = tab.evaluate("""() => {
            const element = document.activeElement;
            return [getComputedStyle(element).outlineStyle, element.textContent || element.getAttribute("aria-label") || element.id];
        }""")
        if tab.evaluate("document.activeElement === document.body"):
            break
        seen.add(label)
        assert outline != "none", label
    assert {"Export", "Columns", "New contact", "Ada Lovelace", "Edit", "Delete"} <= seen, seen


def test_what_happens_is_told_by_live_regions(filled, tabs):
    """They are there before anything happens, as screen readers tell changes only."""
    tab = tabs(filled[0]).sign_in()
    places = tab.evaluate("[...document.querySelectorAll('.notices')].map((place) => [place.role ?? place.getAttribute('role'), place.children.length])")
    assert [role for role, _ in places] == ["status", "alert"], places
    for page, selector in [("overview", ".top .state"), ("board", ".total"), ("contacts", ".where"), ("feed", ".bar span"), ("keys", "main > [aria-live=polite]")]:
        region = tab.show(page).locator(selector).first
        assert region.get_attribute("role") == "status" or region.get_attribute("aria-live") == "polite", page


def test_the_skip_link_leads_to_the_page(filled, tabs):
    tab = tabs(filled[0]).sign_in()
    assert tab.evaluate("document.querySelector('a, button, input').textContent") == "Skip to the page"
    tab.link("Skip to the page").focus()
    expect(tab.link("Skip to the page")).to_be_in_viewport()
    tab.keyboard.press("Enter")
    expect(tab.locator("main")).to_be_focused()
    assert "overview" in tab.url


def test_the_menu_of_pages_is_opened_on_a_small_screen(filled, tabs):
    tab = tabs(filled[0])
    tab.set_viewport_size({"width": 320, "height": 640})
    tab.sign_in()
    expect(tab.link("Contacts").first).to_be_hidden()
    tab.button("Menu").click()
    expect(tab.button("Menu")).to_have_attribute("aria-expanded", "true")
    tab.locator("nav#pages").get_by_role("link", name="Contacts").click()
    expect(tab.locator("h1")).to_have_text("Contacts")
    expect(tab.button("Menu")).to_have_attribute("aria-expanded", "false")


def test_headings_do_not_move_while_a_page_loads(filled, tabs):
    tab = tabs(filled[0]).sign_in()
    tab.show("board")
    before = tab.column("Lead").bounding_box()
    filled[0].deal("Four looms", "Qualified", value=1)
    expect(tab.card("Four looms")).to_be_visible()
    assert tab.column("Lead").bounding_box()["y"] == before["y"]
    assert tab.card("Two looms").is_visible()


@pytest.mark.parametrize("size", [(1280, 700), (320, 256)])
@pytest.mark.parametrize("page", ["contacts", "board", "users", "webhooks"])
def test_nothing_covers_what_has_the_focus(tabs, page, size):
    """Walks both ways; a window of 320 by 256 pixels is one of 1280 by 1024 at 400 %."""
    with Fake() as fake:
        fake.deals(20)
        fake.post("contacts/bulk", [{"firstName": f"N{at:03}", "lastName": "X", "email": f"{at}@x.example"} for at in range(20)])
        for at in range(12):
            fake.user(f"user{at}@x.example")
            fake.post("webhooks", {"name": f"Hook {at}", "url": f"{fake.url}/healthz", "events": ["deal.won"]})
        tab = tabs(fake).sign_in()
        tab.set_viewport_size({"width": size[0], "height": size[1]})
        tab.show(page)
        tab.locator(".notice").first.wait_for(state="detached")
        for key in ["Tab"] * 60 + ["Shift+Tab"] * 50:
            tab.keyboard.press(key)
            if tab.evaluate("document.activeElement !== document.body"):
                assert tab.evaluate(IS_SEEN), (key, tab.evaluate("document.activeElement.outerHTML"))


def test_dialogs_are_used_at_400_percent(filled, tabs):
    tab = tabs(filled[0]).sign_in()
    tab.set_viewport_size({"width": 320, "height": 256})
    tab.show("pipelines")
    tab.button("Edit Sales pipeline").click()
    tab.button("Save").scroll_into_view_if_needed()
    expect(tab.button("Save")).to_be_in_viewport()
    wide = tab.evaluate("(() => { const dialog = document.querySelector('dialog'); return dialog.scrollWidth - dialog.clientWidth; })()")
    assert wide <= 0, wide


def test_nothing_moves_for_those_who_want_no_motion(tabs):
    with Fake() as fake:
        contact = fake.contact()
        for wish, moving in [("no-preference", 1), ("reduce", 0)]:
            tab = tabs(fake, reduced_motion=wish).sign_in().show("contacts")
            expect(tab.row("Ada")).to_be_visible()
            fake.patch(f"contacts/{contact['id']}", {"title": f"Countess, {wish}"})
            expect(tab.locator("tr.changed")).to_have_count(1)
            assert tab.evaluate("document.getAnimations().length") == moving, wish


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_pointed_at_keeps_its_contrast(filled, tabs, scheme):
    tab = tabs(filled[0], color_scheme=scheme).sign_in().show("contacts")
    for selector in ["nav#pages a >> nth=3", "nav#pages a[aria-current]", "main .primary", "td .danger >> nth=0", "details.menu > summary >> nth=0", ".top .quiet", "tbody a >> nth=0"]:
        tab.locator(selector).hover()
        check(tab, selector)
