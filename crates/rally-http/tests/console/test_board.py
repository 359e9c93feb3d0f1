"""The board: sums, moves by hand and by key, and two people at once."""

import re

from playwright.sync_api import expect


def stage_of(fake, name):
    return next(deal for deal in fake.get("deals") if deal["name"] == name)["stageName"]


def test_columns_have_counts_sums_and_weighted_sums(fake, tab):
    fake.deal("One", "Lead", value=1000)
    fake.deal("Two", "Lead", value=500, currency="EUR")
    fake.deal("Three", "Closed Won", value=7)
    tab.show("board")
    lead = tab.column("Lead")
    expect(lead.locator(".count")).to_have_text("2 deals")
    expect(lead.locator(".sums")).to_have_text(re.compile(r"500 EUR weighted 50.*EUR.*1\s000 USD weighted 100.*USD"))
    expect(tab.column("Closed Won").locator(".count")).to_have_text("1 deal")
    expect(tab.locator(".total")).to_have_text("3 deals")


def test_fifty_cards_are_shown_and_more_on_demand(fake, tab):
    fake.deals(120)
    tab.show("board")
    lead = tab.column("Lead")
    expect(lead.locator(".card")).to_have_count(50)
    expect(lead.locator(".count")).to_have_text("120 deals")
    tab.button("Show 50 more of Lead").click()
    expect(lead.locator(".card")).to_have_count(100)
    expect(tab.link("Deal 00050")).to_be_focused()
    tab.button("Show 50 more of Lead").click()
    expect(lead.locator(".card")).to_have_count(120)
    expect(tab.button("Show 50 more of Lead")).to_have_count(0)


def test_cards_that_are_shown_stay_when_all_are_read_anew(fake, tab):
    fake.deals(120)
    tab.show("board")
    lead = tab.column("Lead")
    tab.button("Show 50 more of Lead").click()
    expect(lead.locator(".card")).to_have_count(100)
    fake.deals(40, "Proposal")
    expect(tab.column("Proposal").locator(".card")).to_have_count(40)
    expect(lead.locator(".card")).to_have_count(100)
    expect(tab.button("Show 50 more of Lead")).to_be_visible()


def test_the_heads_of_the_columns_stay_in_sight(fake, tab):
    fake.deals(50)
    tab.show("board")
    expect(tab.column("Lead").locator(".card")).to_have_count(50)
    tab.link("Deal 00049").focus()
    expect(tab.link("Deal 00049")).to_be_in_viewport(ratio=1)
    for stage in ["Lead", "Closed Won"]:
        box = tab.column(stage).locator("header").bounding_box()
        assert 0 <= box["y"] < 300, (stage, box)
    # The bar that moves the board to the right is in sight, too.
    box = tab.locator(".board").bounding_box()
    assert box["y"] + box["height"] <= 900, box


def test_a_deal_is_moved_by_key_and_keeps_the_focus(fake, tab):
    fake.deal("Two looms", value=1000)
    fake.deal("Three looms", "Qualified")
    tab.show("board")
    tab.keyboard.press("ArrowDown")
    expect(tab.link("Two looms")).to_be_focused()
    tab.keyboard.press("Shift+ArrowRight")
    tab.says("Two looms is in Qualified")
    expect(tab.link("Two looms")).to_be_focused()
    expect(tab.column("Qualified").locator(".sum")).to_contain_text("000 USD")
    expect(tab.column("Lead").locator(".count")).to_have_text("0 deals")
    assert stage_of(fake, "Two looms") == "Qualified"
    tab.keyboard.press("ArrowDown")
    expect(tab.link("Three looms")).to_be_focused()
    tab.keyboard.press("Shift+ArrowLeft")
    tab.says("Three looms is in Lead")
    assert stage_of(fake, "Three looms") == "Lead"


def test_a_deal_is_moved_by_the_menu(fake, tab):
    fake.deal("Two looms")
    tab.show("board")
    tab.link("Two looms").focus()
    tab.keyboard.press("m")
    expect(tab.get_by_role("menuitem", name="Qualified")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("menu")).to_have_count(0)
    expect(tab.button("Move to… (Two looms)")).to_be_focused()
    tab.button("Move to… (Two looms)").click()
    tab.get_by_role("menuitem", name="Closed Won").click()
    tab.says("Two looms is in Closed Won")
    assert fake.get("deals")[0]["status"] == "won"


def test_a_deal_is_moved_by_dragging(fake, tab):
    fake.deal("Two looms")
    tab.show("board")
    tab.card("Two looms").drag_to(tab.column("Proposal"))
    tab.says("Two looms is in Proposal")
    expect(tab.column("Proposal").locator(".card")).to_have_count(1)
    expect(tab.column("Lead").locator(".card")).to_have_count(0)
    assert stage_of(fake, "Two looms") == "Proposal"


def test_a_move_that_the_server_does_not_take_goes_back(fake, tab):
    fake.deal("Two looms")
    tab.show("board")
    tab.context.route("**/stage", lambda route: route.abort())
    tab.link("Two looms").focus()
    tab.keyboard.press("Shift+ArrowRight")
    tab.says("The server cannot be reached")
    expect(tab.column("Lead").locator(".card")).to_have_count(1)
    expect(tab.column("Lead").locator(".count")).to_have_text("1 deal")
    tab.context.unroute("**/stage")
    tab.button("Try again").click()
    tab.says("Two looms is in Qualified")
    assert stage_of(fake, "Two looms") == "Qualified"


def test_of_two_who_move_one_deal_the_second_is_told(fake, tabs):
    fake.deal("Two looms")
    first, second = tabs(fake).sign_in(), tabs(fake)
    # The second does not hear of the change before its own move.
    second.context.route("**/sync/changes**", lambda route: route.abort())
    second.sign_in(fake.key_for("write"))
    for tab in (first, second):
        tab.show("board")
        expect(tab.card("Two looms")).to_be_visible()
    first.link("Two looms").focus()
    first.keyboard.press("Shift+ArrowRight")
    first.says("Two looms is in Qualified")
    second.button("Move to… (Two looms)").click()
    second.get_by_role("menuitem", name="Proposal").click()
    second.says("Two looms was not moved, as apikey:fake admin has changed it meanwhile: it is in Qualified now")
    expect(second.column("Qualified").locator(".card")).to_have_count(1)
    assert stage_of(fake, "Two looms") == "Qualified"


def test_a_deal_that_is_gone_is_told_to_whoever_moves_it(fake, tabs):
    deal = fake.deal("Two looms")
    tab = tabs(fake)
    tab.context.route("**/sync/changes**", lambda route: route.abort())
    tab.sign_in().show("board")
    fake.call("DELETE", f"api/v1/deals/{deal['id']}")
    tab.link("Two looms").focus()
    tab.keyboard.press("Shift+ArrowRight")
    tab.says("it has been deleted meanwhile")
    expect(tab.locator(".card")).to_have_count(0)


def test_changes_elsewhere_come_to_the_board(fake, tab):
    deal = fake.deal("Two looms", value=5)
    tab.show("board")
    expect(tab.card("Two looms")).to_be_visible()
    fake.patch(f"deals/{deal['id']}/stage", {"stageId": fake.stage("Proposal")["id"]})
    expect(tab.column("Proposal").locator(".card")).to_have_count(1)
    expect(tab.column("Proposal").locator(".sum")).to_have_text("5 USD")
    fake.deal("Three looms")
    expect(tab.column("Lead").locator(".card")).to_have_count(1)
    fake.call("DELETE", f"api/v1/deals/{deal['id']}")
    expect(tab.column("Proposal").locator(".card")).to_have_count(0)
    fake.deals(40, "Negotiation")
    expect(tab.column("Negotiation").locator(".card")).to_have_count(40)


def test_an_empty_board_says_what_to_do(fake, tab):
    tab.show("board")
    expect(tab.locator(".empty")).to_contain_text("No deal is in this pipeline yet")
    tab.button("Create the first one").click()
    expect(tab.dialog()).to_contain_text("New deal")
    tab.field("name").fill("Two looms")
    tab.field("stageId").select_option(label="Proposal")
    tab.button("Create the deal").click()
    expect(tab.column("Proposal").locator(".card")).to_have_count(1)
    expect(tab.locator(".empty")).to_be_hidden()
    expect(tab.locator("h1")).to_have_text("Board")
    tab.keyboard.press("n")
    expect(tab.dialog()).to_contain_text("New deal")
    tab.keyboard.press("Escape")
    fake.call("DELETE", f"api/v1/deals/{fake.get('deals')[0]['id']}")
    expect(tab.locator(".empty")).to_be_visible()


def test_another_pipeline_is_chosen(fake, tab):
    other = fake.post("pipelines", {"name": "Renewals", "stages": [{"name": "Due", "probability": 50, "outcome": "open"}]})
    tab.show("board")
    tab.reload()
    tab.sign_in().show("board")
    tab.get_by_label("Pipeline").select_option(label="Renewals")
    expect(tab.locator(".column")).to_have_count(1)
    expect(tab.column("Due")).to_be_visible()
    assert other["id"] in tab.url
