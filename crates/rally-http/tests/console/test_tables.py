"""The tables of contacts, companies, deals and activities."""

import re

import pytest
from playwright.sync_api import expect

BIG = "12345678901234567890.123456"


def names(tab):
    return tab.locator("tbody tr td:first-child a").all_inner_texts()


def test_a_new_contact_is_made_with_the_faults_of_the_api_at_their_fields(fake, tab):
    tab.show("contacts")
    expect(tab.locator(".empty")).to_contain_text("There are no contacts yet")
    tab.keyboard.press("n")
    tab.field("firstName").fill("Ada")
    tab.field("email").fill("nobody")
    tab.field("leadScore").fill("101")
    tab.button("Create the contact").click()
    expect(tab.fault_of("email")).to_contain_text("is not an e-mail address")
    expect(tab.fault_of("lastName")).to_contain_text("is required")
    expect(tab.fault_of("leadScore")).to_contain_text("0 to 100")
    expect(tab.field("lastName")).to_be_focused()
    tab.field("lastName").fill("Lovelace")
    tab.field("email").fill("ada@x.example")
    tab.field("leadScore").fill("90")
    tab.button("Create the contact").click()
    tab.says("Ada Lovelace is created")
    expect(tab.row("ada@x.example")).to_be_visible()
    assert fake.get("contacts")[0]["leadScore"] == 90


def test_an_email_that_is_taken_is_mended(fake, tab):
    fake.contact("ada@x.example")
    fake.contact("grace@x.example", firstName="Grace", lastName="Hopper")
    tab.show("contacts")
    tab.button("Edit Grace Hopper").click()
    expect(tab.field("firstName")).to_be_focused()
    tab.field("email").fill("ADA@x.example")
    tab.keyboard.press("Enter")
    expect(tab.fault_of("email")).to_contain_text("is taken by another contact")
    expect(tab.link("Open the other contact")).to_be_visible()
    tab.field("email").fill("hopper@x.example")
    tab.keyboard.press("Enter")
    tab.says("Grace Hopper is saved")
    expect(tab.row("hopper@x.example")).to_be_visible()
    expect(tab.button("Edit Grace Hopper")).not_to_have_count(0)


def test_a_row_is_left_by_escape_without_a_change(fake, tab):
    fake.contact()
    tab.show("contacts")
    tab.row("ada@x.example").locator("td[data-member=phone]").dblclick()
    expect(tab.field("phone")).to_be_focused()
    tab.field("phone").fill("1")
    tab.keyboard.press("Escape")
    expect(tab.field("phone")).to_have_count(0)
    assert fake.get("contacts")[0]["phone"] is None


def test_a_row_that_somebody_else_has_changed_is_told(fake, tab):
    contact = fake.contact()
    tab.show("contacts")
    tab.button("Edit Ada Lovelace").click()
    tab.field("title").fill("Countess")
    fake.patch(f"contacts/{contact['id']}", {"phone": "1"})
    tab.button("Save").click()
    expect(tab.locator("form.inline .fault.all")).to_contain_text("Somebody has changed this contact since it was shown")
    expect(tab.field("title")).to_have_value("Countess")
    tab.button("Save").click()
    tab.says("is saved")
    assert (fake.get("contacts")[0]["title"], fake.get("contacts")[0]["phone"]) == ("Countess", "1")


def test_deleting_asks_first(fake, tab):
    fake.contact()
    tab.show("contacts")
    tab.link("Ada Lovelace").focus()
    tab.keyboard.press("Delete")
    expect(tab.dialog()).to_contain_text("Delete Ada Lovelace?")
    expect(tab.button("Cancel")).to_be_focused()
    tab.keyboard.press("Enter")
    assert len(fake.get("contacts")) == 1
    expect(tab.link("Ada Lovelace")).to_be_focused()
    tab.keyboard.press("Delete")
    tab.button("Delete the contact").click()
    tab.says("Ada Lovelace is deleted")
    assert fake.get("contacts") == []


def test_filters_search_and_the_address_agree(fake, tab):
    owner = fake.user("olga@x.example")
    fake.contact("ada@x.example", tags="math", ownerId=owner["id"])
    fake.contact("grace@x.example", firstName="Grace", lastName="Hopper", lifecycleStage="customer")
    tab.show("contacts")
    tab.keyboard.press("/")
    tab.keyboard.type("hop")
    expect(tab.locator("tbody tr")).to_have_count(1)
    assert "q=hop" in tab.url
    tab.reload()
    tab.sign_in().show("contacts?q=hop")
    assert names(tab) == ["Grace Hopper"]
    tab.show("contacts")
    expect(tab.locator("tbody tr")).to_have_count(2)
    tab.locator("summary", has_text="Filters").click()
    tab.get_by_role("combobox", name="Lifecycle stage").select_option("customer")
    expect(tab.locator("tbody tr")).to_have_count(1)
    tab.get_by_role("combobox", name="Lifecycle stage").select_option("")
    tab.get_by_role("combobox", name="Owner").fill("olga")
    tab.get_by_role("option", name="Olga").click()
    expect(tab.locator("tbody tr")).to_have_count(1)
    assert names(tab) == ["Ada Lovelace"]
    tab.get_by_role("textbox", name="Tag").fill("poetry")
    tab.keyboard.press("Enter")
    expect(tab.locator(".empty")).to_contain_text("No contacts match")
    tab.link("Show all").click()
    expect(tab.locator("tbody tr")).to_have_count(2)


def test_a_filter_that_the_api_refuses_is_told(fake, tab):
    tab.show("companies?ownerId=7")
    expect(tab.locator("main .fault")).to_contain_text("is not an id")


def test_pages_go_both_ways_in_each_order(fake, tab):
    fake.post("contacts/bulk", [{"firstName": f"N{at:03}", "lastName": "X", "email": f"{at}@x.example"} for at in range(100)])
    fake.post("contacts/bulk", [{"firstName": f"N{at:03}", "lastName": "X", "email": f"{at}@x.example"} for at in range(100, 120)])
    tab.show("contacts")
    expect(tab.locator(".where")).to_have_text("1–50 of 120")
    assert names(tab)[0] == "N000 X"
    expect(tab.button("Previous page")).to_be_disabled()
    tab.button("Next page").click()
    expect(tab.locator(".where")).to_have_text("51–100 of 120")
    tab.keyboard.press("]")
    expect(tab.locator(".where")).to_have_text("101–120 of 120")
    expect(tab.button("Next page")).to_be_disabled()
    assert names(tab)[-1] == "N119 X"
    tab.get_by_label("Order").select_option("newest")
    expect(tab.locator(".where")).to_have_text("1–50 of 120")
    assert names(tab)[0] == "N119 X"
    tab.button("Last page").click()
    expect(tab.locator(".where")).to_have_text("101–120 of 120")
    assert names(tab)[-1] == "N000 X"
    fake.patch(f"contacts/{fake.get('contacts?limit=1')[0]['id']}", {"title": "first"})
    tab.get_by_label("Order").select_option("changed")
    expect(tab.locator("tbody tr").first).to_contain_text("N000 X")


def test_columns_are_chosen_and_kept(fake, tab):
    fake.contact(city="London")
    tab.show("contacts")
    tab.locator("summary", has_text="Columns").click()
    tab.get_by_label("City").check()
    tab.get_by_label("Phone").uncheck()
    expect(tab.locator("thead")).to_contain_text("City")
    expect(tab.row("Ada")).to_contain_text("London")
    tab.reload()
    tab.sign_in().show("contacts")
    expect(tab.locator("thead")).to_contain_text("City")
    expect(tab.locator("thead")).not_to_contain_text("Phone")


def test_numbers_are_shown_and_sent_digit_for_digit(fake, tab):
    tab.show("deals?new=1")
    tab.field("name").fill("Exact")
    tab.field("value").fill(BIG)
    tab.button("Create the deal").click()
    tab.says("Exact is created")
    text = tab.evaluate("key => fetch('api/v1/deals', { headers: { 'X-Api-Key': key } }).then((answer) => answer.text())", fake.key)
    assert f'"value":{BIG}' in text
    expect(tab.row("Exact")).to_contain_text("12 345 678 901 234 567 890.123456 USD".replace(" ", "\u202f").replace("\u202fUSD", " USD"))
    tab.button("Edit Exact").click()
    expect(tab.field("value")).to_have_value(BIG)
    tab.field("probability").fill("11")
    tab.button("Save").click()
    tab.says("Exact is saved")
    text = tab.evaluate("key => fetch('api/v1/deals', { headers: { 'X-Api-Key': key } }).then((answer) => answer.text())", fake.key)
    assert f'"value":{BIG}' in text and '"probability":11' in text
    tab.button("Edit Exact").click()
    tab.field("value").fill("12,50")
    tab.button("Save").click()
    expect(tab.fault_of("value")).to_contain_text("must be a")


def test_json_is_read_and_written_digit_for_digit(tab):
    outcome = tab.evaluate("""async () => {
        const { parse, print, Numeral } = await import(new URL("console/json.js", document.baseURI));
        const text = '{"a":[1.50,-0.0,1e400,12345678901234567890],"b":"\\\\u00e9 \\\\"\\\\\\\\ x","c":null,"__proto__":{"d":true}}';
        const refused = ["", "{", "[1,]", '{"a"}', "01", "1.", "+1", "nul", '"a', "[1] 2", "{1:2}"].filter((wrong) => {
            try { parse(wrong); return true; } catch { return false; }
        });
        return { same: print(parse(text)), text: parse(text).b, refused, isNumeral: parse("1.50") instanceof Numeral, plain: JSON.stringify(JSON.parse(print({ x: "\\u2028", y: [] }))) };
    }""")
    assert outcome["same"] == '{"a":[1.50,-0.0,1e400,12345678901234567890],"b":"é \\"\\\\ x","c":null,"__proto__":{"d":true}}'
    assert outcome["refused"] == [] and outcome["isNumeral"] and outcome["plain"] == '{"x":"\u2028","y":[]}'


def test_a_company_a_deal_and_an_activity_are_made(fake, tab):
    company = fake.post("companies", {"name": "Looms Ltd"})
    tab.show("companies?new=1")
    tab.field("name").fill("Mills Ltd")
    tab.field("tags").fill("cotton, steam")
    tab.button("Create the company").click()
    tab.says("Mills Ltd is created")
    assert fake.get("companies")[1]["tags"] == ["cotton", "steam"]
    tab.show("deals?new=1")
    tab.field("name").fill("Two looms")
    tab.field("stageId").select_option(label="Proposal")
    tab.field("companyId").fill("loom")
    expect(tab.get_by_role("option", name="Looms Ltd")).to_be_visible()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(tab.field("companyId")).to_have_value("Looms Ltd")
    tab.field("expectedCloseDate").fill("2027-01-02T10:30")
    tab.button("Create the deal").click()
    tab.says("Two looms is created")
    deal = fake.get("deals")[0]
    assert (deal["companyId"], deal["stageName"], deal["expectedCloseDate"]) == (company["id"], "Proposal", "2027-01-02T10:30:00.000000Z")
    tab.show("activities?new=1")
    expect(tab.field("callOutcome")).to_be_hidden()
    tab.field("activityType").select_option("call")
    expect(tab.field("callOutcome")).to_be_visible()
    tab.field("subject").fill("Call back")
    tab.field("callOutcome").fill("busy")
    tab.button("Create the activity").click()
    tab.says("Call back is created")
    assert fake.get("activities")[0]["callOutcome"] == "busy"


@pytest.mark.parametrize("zone, shown, typed, sent", [
    ("Europe/Berlin", "2026-07-01 12:00:00", "2026-12-01T12:00", "2026-12-01T11:00:00.000000Z"),
    ("America/St_Johns", "2026-07-01 07:30:00", "2026-07-01T12:00", "2026-07-01T14:30:00.000000Z"),
])
def test_instants_are_in_the_time_zone_of_the_tenant(fake, tabs, zone, shown, typed, sent):
    fake.call("PUT", "api/v1/settings", {"timezone": zone})
    fake.deal("Two looms", expectedCloseDate="2026-07-01T10:00:00Z")
    tab = tabs(fake).sign_in().show("deals")
    instant = tab.row("Two looms").locator("[data-member=expectedCloseDate] time")
    expect(instant).to_have_text(shown)
    expect(instant).to_have_attribute("title", re.compile(r"2026-07-01T10:00:00.000000Z .*" + zone))
    tab.button("Edit Two looms").click()
    tab.field("expectedCloseDate").fill(typed)
    tab.button("Save").click()
    tab.says("is saved")
    assert fake.get("deals")[0]["expectedCloseDate"] == sent


def test_rows_are_walked_and_edited_by_keys(fake, tab):
    for email in ["a@x.example", "b@x.example"]:
        fake.contact(email, lastName=email[0].upper())
    tab.show("contacts")
    tab.keyboard.press("j")
    expect(tab.link("Ada A")).to_be_focused()
    tab.keyboard.press("j")
    expect(tab.link("Ada B")).to_be_focused()
    tab.keyboard.press("k")
    tab.keyboard.press("e")
    expect(tab.field("firstName")).to_have_value("Ada")
    tab.field("title").fill("Countess")
    tab.keyboard.press("Enter")
    tab.says("is saved")
    assert fake.get("contacts")[0]["title"] == "Countess"


def test_a_change_elsewhere_is_shown_and_moves_no_focus(fake, tab):
    contact = fake.contact()
    tab.show("contacts")
    tab.link("Ada Lovelace").focus()
    fake.patch(f"contacts/{contact['id']}", {"title": "Countess"})
    fake.contact("grace@x.example", firstName="Grace")
    expect(tab.row("ada@x.example")).to_contain_text("Countess")
    expect(tab.locator("tbody tr")).to_have_count(2)
    expect(tab.link("Ada Lovelace").first).to_be_focused()
    fake.call("DELETE", f"api/v1/contacts/{contact['id']}")
    expect(tab.row("ada@x.example")).to_have_count(0)
