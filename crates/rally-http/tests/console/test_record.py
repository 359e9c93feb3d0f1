"""The page of one record."""

import re

from playwright.sync_api import expect


def test_a_record_shows_its_members_links_and_history(fake, tab):
    company = fake.post("companies", {"name": "Looms Ltd"})
    contact = fake.contact(companyId=company["id"], notes="one\ntwo")
    fake.deal("Two looms", contactId=contact["id"], value=5)
    fake.post("activities", {"activityType": "call", "subject": "Call back", "contactId": contact["id"]})
    fake.patch(f"contacts/{contact['id']}", {"title": "Countess"})
    tab.show(f"contacts/{contact['id']}")
    expect(tab.locator("h1")).to_have_text("Ada Lovelace")
    expect(tab.locator(".facts").first).to_contain_text("Countess")
    expect(tab.locator(".facts").first.get_by_role("link", name="Looms Ltd")).to_be_visible()
    expect(tab.locator(".links")).to_contain_text("Deals (1)")
    expect(tab.locator(".links").get_by_role("link", name="Two looms")).to_be_visible()
    timeline = tab.locator(".timeline li")
    expect(timeline).to_have_count(3)
    expect(timeline.nth(0)).to_contain_text("changed by apikey:fake admin")
    expect(timeline.nth(1)).to_contain_text("Call back")
    timeline.nth(0).locator("summary").click()
    expect(timeline.nth(0).locator("dl")).to_contain_text("Title— → Countess")
    assert tab.title() == "Ada Lovelace – Rally"
    tab.locator(".links").get_by_role("link", name="Deals").click()
    expect(tab.row("Two looms")).to_be_visible()


def test_a_record_is_edited_and_only_what_changed_is_sent(fake, tab):
    contact = fake.contact(leadScore=1)
    tab.show(f"contacts/{contact['id']}")
    bodies = []
    tab.page.on("request", lambda request: bodies.append(request.post_data) if request.method == "PATCH" else None)
    tab.keyboard.press("e")
    tab.field("leadScore").fill("2")
    tab.field("title").fill("Countess")
    tab.button("Save").click()
    tab.says("Ada Lovelace is saved")
    expect(tab.locator(".facts").first).to_contain_text("Countess")
    assert bodies == ['{"title":"Countess","leadScore":2}'], bodies
    expect(tab.button("Edit")).to_be_focused()
    tab.keyboard.press("e")
    tab.field("email").fill("")
    tab.button("Save").click()
    expect(tab.fault_of("email")).not_to_be_empty()
    tab.keyboard.press("Escape")
    expect(tab.field("email")).to_have_count(0)


def test_a_record_that_somebody_else_changes_is_told(fake, tab):
    contact = fake.contact()
    tab.show(f"contacts/{contact['id']}")
    tab.button("Edit").click()
    tab.field("title").fill("Countess")
    fake.patch(f"contacts/{contact['id']}", {"phone": "1"})
    tab.button("Save").click()
    expect(tab.locator(".fault.all")).to_contain_text("Somebody has changed this contact since it was shown")
    expect(tab.field("title")).to_have_value("Countess")
    tab.button("Save").click()
    tab.says("is saved")
    assert fake.get(f"contacts/{contact['id']}")["phone"] == "1"


def test_a_change_elsewhere_comes_to_the_page(fake, tab):
    deal = fake.deal("Two looms")
    tab.show(f"deals/{deal['id']}")
    fake.patch(f"deals/{deal['id']}", {"name": "Three looms"})
    expect(tab.locator("h1")).to_have_text("Three looms")
    expect(tab.locator(".timeline li")).to_have_count(2)
    fake.call("DELETE", f"api/v1/deals/{deal['id']}")
    expect(tab.locator("main")).to_contain_text("This deal is not there, or no longer")
    expect(tab.locator(".timeline li")).to_have_count(3)
    expect(tab.button("Edit")).to_have_count(0)


def test_a_deal_is_qualified(fake, tab):
    deal = fake.deal("Two looms")
    tab.show(f"deals/{deal['id']}")
    tab.button("Edit the qualification").click()
    tab.field("budget.rating").select_option("strong")
    tab.field("need.notes").fill("looms")
    tab.button("Save").click()
    tab.says("The qualification is saved")
    bant = fake.get(f"deals/{deal['id']}/bant")
    assert (bant["budget"]["rating"], bant["need"]["notes"], bant["score"]) == (3, "looms", 25)
    expect(tab.locator("section", has_text="Qualification").last).to_contain_text("25 of 100")


def test_a_record_is_deleted(fake, tab):
    company = fake.post("companies", {"name": "Looms Ltd"})
    fake.contact(companyId=company["id"])
    tab.show(f"companies/{company['id']}")
    tab.button("Delete").click()
    tab.button("Delete the company").click()
    tab.says("Looms Ltd is deleted")
    expect(tab.locator("h1")).to_have_text("Companies")
    assert fake.get("contacts")[0]["companyId"] is None


def test_an_activity_begins_with_its_record(fake, tab):
    contact = fake.contact()
    tab.show(f"contacts/{contact['id']}")
    tab.button("New activity").click()
    expect(tab.field("contactId")).to_have_value("Ada Lovelace")
    tab.field("subject").fill("Call back")
    tab.button("Create the activity").click()
    tab.says("Call back is created")
    assert fake.get("activities")[0]["contactId"] == contact["id"]
    expect(tab.locator("h1")).to_have_text("Ada Lovelace")
    expect(tab.locator(".timeline")).to_contain_text("Call back")
    expect(tab.button("New activity")).to_be_focused()


def test_what_a_record_says_is_text_and_no_markup(fake, tab):
    evil = "<img src=x onerror=alert(1)>"
    contact = fake.contact(firstName=evil, notes=evil, linkedInUrl="https://x.example/<script>")
    for page in ["contacts", f"contacts/{contact['id']}", "feed"]:
        tab.show(page)
        expect(tab.locator("main")).to_contain_text(evil)
    assert tab.locator("main img").count() == 0


def test_a_record_that_never_was_is_told(tab):
    tab.show("deals/0190c000-0000-7000-8000-000000000000")
    expect(tab.locator("main")).to_contain_text(re.compile("This deal is not there"))
