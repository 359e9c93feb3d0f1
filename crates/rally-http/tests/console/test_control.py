"""Inboxes, faults and the journal of a fake."""

from playwright.sync_api import expect


def test_a_message_comes_to_an_inbox_and_its_answers_are_set(fake, tab):
    inbox = fake.call("GET", "_fake/tenants/acme")["inboxUrl"]
    tab.show("inbox")
    expect(tab.locator("main")).to_contain_text(inbox)
    webhook = fake.post("webhooks", {"name": "Ledger", "url": f"{inbox}ledger", "events": ["contact.created"]})
    tab.show("inbox/ledger")
    tab.field("answers").fill("[500, 200")
    tab.button("Set the answers").click()
    expect(tab.locator(".fault.all")).not_to_be_empty()
    tab.field("answers").fill('[{"status": 202}]')
    tab.button("Set the answers").click()
    tab.says("The answers are set")
    fake.contact()
    message = tab.locator(".timeline li")
    expect(message).to_have_count(1)
    expect(message).to_contain_text("contact.created signature verified answered 202")
    message.locator("summary").click()
    expect(message.locator("pre")).to_contain_text('"email": "ada@x.example"')
    expect(message.locator(".facts")).to_contain_text("webhook-signature")
    tab.show(f"webhooks/{webhook['id']}")
    expect(tab.row("contact.created")).to_contain_text("202")
    tab.show("inbox")
    expect(tab.row("ledger")).to_contain_text("1")


def test_a_fault_is_armed_fires_and_is_disarmed(fake, tab):
    tab.show("faults")
    expect(tab.locator(".empty")).to_contain_text("No fault is armed")
    tab.field("kind").select_option("delay")
    expect(tab.field("status")).to_be_hidden()
    expect(tab.field("by")).to_be_visible()
    tab.field("kind").select_option("status")
    tab.field("method").select_option("POST")
    tab.field("route").fill("/nowhere")
    tab.button("Arm").click()
    expect(tab.locator(".fault.all, [data-member=route] .fault").filter(has_text=".").first).to_be_visible()
    tab.field("route").fill("/contacts")
    tab.button("Arm").click()
    tab.says("The fault is armed")
    tab.button("Verify").click()
    tab.says("have not fired")
    tab.show("contacts?new=1")
    for name, text in [("firstName", "Ada"), ("lastName", "Lovelace"), ("email", "ada@x.example")]:
        tab.field(name).fill(text)
    tab.button("Create the contact").click()
    expect(tab.dialog().locator(".fault.all")).to_contain_text("503")
    tab.button("Create the contact").click()
    tab.says("Ada Lovelace is created")
    assert len(fake.get("contacts")) == 1
    tab.show("faults")
    tab.button("Verify").click()
    tab.says("Each fault that is armed has fired")
    tab.button("Disarm all").click()
    expect(tab.locator(".empty")).to_be_visible()


def test_the_journal_has_the_requests_of_the_tenant(fake, tab):
    fake.contact()
    tab.show("requests")
    expect(tab.row("/api/v1/contacts").first).to_contain_text("201")
    tab.button("/api/v1/contacts").click()
    expect(tab.below().locator("pre")).to_contain_text("curl -X POST")
    tab.get_by_label("Status").fill("201")
    tab.keyboard.press("Enter")
    expect(tab.locator("tbody tr:not(.below)")).to_have_count(1)
    tab.get_by_label("Method").select_option("DELETE")
    expect(tab.locator(".empty")).to_contain_text("No request matches")
    tab.get_by_label("Method").select_option("POST")
    expect(tab.row("/api/v1/contacts")).to_be_visible()
    tab.button("Forget all").click()
    expect(tab.locator(".empty")).to_contain_text("No request matches")


def test_a_fake_without_records_is_filled_with_a_demo(fake, tab):
    fake.contact()
    expect(tab.locator(".empty")).to_have_count(0)
    fake.call("DELETE", f"api/v1/contacts/{fake.get('contacts')[0]['id']}")
    expect(tab.locator(".empty")).to_have_count(1)
    tab.button("fill it with a demo").click()
    expect(tab.locator(".empty")).to_have_count(0)
    expect(tab.locator(".counts")).to_contain_text("40Contacts")


def test_of_a_long_journal_the_newest_requests_are_shown(fake, tab):
    for _ in range(1_050):
        fake.get("pipelines")
    fake.contact("last@x.example")
    tab.show("requests")
    expect(tab.row("/api/v1/contacts").first).to_contain_text("201")
    expect(tab.locator("tbody tr:not(.below)")).to_have_count(200)
