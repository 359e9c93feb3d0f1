"""Webhooks, keys, users, settings and the audit trail."""

import re

from playwright.sync_api import expect

from receiver import Receiver
from support import PASSWORD, eventually


def test_a_webhook_is_made_tested_and_followed(fake, tab):
    with Receiver() as receiver:
        tab.show("webhooks")
        expect(tab.locator(".empty")).to_contain_text("There is no webhook yet")
        tab.button("New webhook").click()
        tab.button("Create the webhook").click()
        expect(tab.fault_of("name")).not_to_be_empty()
        expect(tab.fault_of("url")).not_to_be_empty()
        tab.field("name").fill("Ledger")
        tab.field("url").fill(receiver.url)
        tab.get_by_label("deal.won").check()
        tab.get_by_label("deal.created").check()
        tab.button("Create the webhook").click()
        expect(tab.locator("h1")).to_have_text("Ledger")
        tab.button("Send a test").click()
        tab.says("The receiver has taken the test, with 200")
        expect(tab.row("webhook.test")).to_contain_text("succeeded")
        fake.deal("Two looms")
        expect(tab.row("deal.created")).to_contain_text("succeeded")
        tab.button("deal.created").click()
        expect(tab.button("deal.created")).to_have_attribute("aria-expanded", "true")
        expect(tab.below().locator("pre").last).to_contain_text('"name": "Two looms"')
        expect(tab.below()).to_contain_text("webhook-id")
        expect(tab.below().locator("pre").first).to_have_text("the answer of the receiver")
        tab.row("deal.created").get_by_role("button", name="Send again").click()
        tab.says("sent once more")
        tab.button("Replay…").click()
        tab.field("fromSequence").fill("x")
        tab.button("Replay").click()
        expect(tab.fault_of("fromSequence")).not_to_be_empty()
        tab.field("fromSequence").fill("1")
        tab.button("Replay").click()
        tab.says("The replay has begun")
        # Sent by itself, sent again, and replayed.
        eventually(lambda: sum('"type":"deal.created"' in body for body in receiver.bodies) == 3)


def test_a_webhook_that_fails_tells_its_state_and_its_breaker(fake, tab):
    with Receiver(500) as receiver:
        webhook = fake.post("webhooks", {"name": "Ledger", "url": receiver.url, "events": ["*"], "ordering": "none"})
        tab.show(f"webhooks/{webhook['id']}")
        tab.button("Send a test").click()
        tab.says("The test has failed: the receiver has answered 500")
        for at in range(11):
            fake.contact(f"{at}@x.example")
        expect(tab.locator(".facts").first).to_contain_text("failing")
        expect(tab.locator(".facts").first).to_contain_text("open: only a probe is sent now and then", timeout=60_000)
        tab.get_by_label("State").select_option("succeeded")
        expect(tab.locator(".empty")).to_contain_text("No delivery is here")
        tab.get_by_label("State").select_option("")
        tab.show("webhooks")
        expect(tab.row("Ledger")).to_contain_text("failing")


def test_a_secret_is_shown_on_demand_and_rotated(fake, tab):
    webhook = fake.post("webhooks", {"name": "Ledger", "url": f"{fake.url}/healthz", "events": ["*"]})
    tab.show(f"webhooks/{webhook['id']}")
    expect(tab.locator("main")).not_to_contain_text(webhook["secret"])
    tab.button("Show or hide the secret").click()
    expect(tab.locator("main")).to_contain_text(webhook["secret"])
    tab.button("Rotate the secret…").click()
    tab.field("graceHours").fill("169")
    tab.button("Rotate the secret").click()
    expect(tab.fault_of("graceHours")).to_contain_text("168")
    tab.field("graceHours").fill("1")
    tab.button("Rotate the secret").click()
    tab.says("There is a new secret")
    assert fake.get(f"webhooks/{webhook['id']}")["secret"] != webhook["secret"]


def test_a_webhook_is_switched_off_and_deleted(fake, tab):
    webhook = fake.post("webhooks", {"name": "Ledger", "url": f"{fake.url}/healthz", "events": ["*"]})
    tab.show(f"webhooks/{webhook['id']}")
    tab.button("Edit").click()
    tab.field("isActive").uncheck()
    tab.button("Save").click()
    tab.says("The webhook is saved")
    expect(tab.locator(".facts").first).to_contain_text("off")
    assert not fake.get(f"webhooks/{webhook['id']}")["isActive"]
    tab.button("Delete").click()
    tab.button("Delete the webhook").click()
    expect(tab.locator("h1")).to_have_text("Webhooks")
    assert fake.get("webhooks") == []


def test_a_key_is_made_shown_once_and_revoked(fake, tab):
    tab.show("keys")
    tab.button("New API key").click()
    tab.field("name").fill("nightly import")
    tab.field("scopes").select_option("write")
    tab.field("name").fill("")
    tab.button("Create the key").click()
    expect(tab.fault_of("name")).not_to_be_empty()
    tab.field("name").fill("nightly import")
    tab.field("expiresAt").fill("2099-01-01T00:00")
    tab.button("Create the key").click()
    made = tab.locator(".made code")
    expect(made).to_have_text(re.compile("^rk_test_"))
    key = made.inner_text()
    assert fake.get("contacts", key=key) == []
    tab.show("overview").show("keys")
    expect(tab.locator("main")).not_to_contain_text(key)
    tab.button("Edit nightly import").click()
    tab.field("name").fill("weekly import")
    tab.button("Save").click()
    tab.says("weekly import is saved")
    tab.button("Revoke weekly import").click()
    tab.button("Revoke the key").click()
    tab.says("weekly import is revoked")
    expect(tab.row("weekly import")).to_contain_text("revoked")


def test_the_last_admin_stays(fake, tab):
    tab.show("keys")
    tab.button("Revoke fake admin").click()
    tab.button("Revoke the key").click()
    expect(tab.dialog().locator(".fault")).to_contain_text("400")
    expect(tab.button("Revoke the key")).to_be_focused()


def test_a_user_is_made_changed_and_handed_over(fake, tab):
    heir = fake.user("mary@x.example")
    tab.show("users")
    tab.button("New user").click()
    tab.field("name").fill("Olga")
    tab.field("email").fill("mary@x.example")
    tab.field("password").fill("short")
    tab.button("Create the user").click()
    expect(tab.fault_of("password")).to_contain_text("12")
    tab.field("password").fill(PASSWORD)
    tab.button("Create the user").click()
    expect(tab.fault_of("email")).to_contain_text("is taken")
    tab.field("email").fill("olga@x.example")
    tab.button("Create the user").click()
    tab.says("Olga is created")
    olga = next(user for user in fake.get("users") if user["name"] == "Olga")
    contact = fake.contact(ownerId=olga["id"])
    tab.button("Edit Olga").click()
    expect(tab.field("password")).to_have_value("")
    tab.field("scopes").select_option("write")
    tab.button("Save").click()
    tab.says("Olga is saved")
    tab.button("Delete Olga").click()
    tab.field("reassignTo").select_option(label="Mary")
    tab.button("Delete the user").click()
    tab.says("Olga is deleted")
    assert fake.get(f"contacts/{contact['id']}")["ownerId"] == heir["id"]


def test_settings_are_changed_and_their_faults_told(fake, tab):
    tab.show("settings")
    tab.field("timezone").fill("Mars/Olympus")
    tab.field("defaultCurrency").fill("XYZ")
    tab.button("Save").click()
    expect(tab.fault_of("timezone")).not_to_be_empty()
    expect(tab.fault_of("defaultCurrency")).not_to_be_empty()
    tab.field("timezone").fill("Asia/Kolkata")
    tab.field("defaultCurrency").fill("INR")
    tab.button("Save").click()
    tab.says("The settings are saved")
    assert fake.get("settings")["timezone"] == "Asia/Kolkata"
    fake.deal("Two looms", expectedCloseDate="2026-07-01T00:00:00Z")
    tab.show("deals")
    expect(tab.row("Two looms")).to_contain_text("2026-07-01 05:30:00")


def test_the_audit_trail_tells_who_did_what(fake, tab):
    fake.user("olga@x.example")
    tab.show("audit")
    expect(tab.row("user.created")).to_contain_text("apikey:fake admin")
    expect(tab.row("user.created")).to_contain_text("127.0.0.1")
    fake.user("mary@x.example")
    for at in range(101):
        fake.call("PUT", "api/v1/settings", {"name": f"Acme {at}"})
    tab.show("overview").show("audit")
    rows = tab.locator("tbody tr")
    expect(rows).to_have_count(100)
    expect(rows.first).to_contain_text("settings")
    expect(rows.last).to_contain_text("settings")
    tab.button("Show more").click()
    expect(tab.row("user.created")).to_have_count(2)
    expect(rows.last).to_contain_text("apiKey.created")


def test_the_overview_tells_what_is_there_and_how_the_server_is(fake, tab):
    fake.contact()
    fake.deal("Two looms", value=5)
    tab.show("overview")
    expect(tab.locator(".counts li").first).to_have_text("1Contacts")
    expect(tab.row("Lead")).to_contain_text("5 USD")
    expect(tab.locator(".facts")).to_contain_text("ready")
    expect(tab.locator(".facts")).to_contain_text("strict")
    fake.contact("b@x.example")
    expect(tab.locator(".counts li").first).to_have_text("2Contacts")
