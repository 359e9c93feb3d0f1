"""Signing in and out, and what each caller sees."""

import re

from playwright.sync_api import expect

from support import PASSWORD, Fake


def test_a_user_signs_in_by_password_and_a_reload_signs_out(fake, tabs):
    fake.user("olga@x.example", "write")
    tab = tabs(fake)
    tab.goto(f"{fake.url}/console")
    tab.field("email").fill("olga@x.example")
    tab.field("password").fill("wrong horse battery")
    tab.field("tenant").fill("acme")
    tab.button("Sign in").click()
    expect(tab.locator(".fault.all")).to_contain_text("401 unauthorized")
    tab.field("password").fill(PASSWORD)
    tab.button("Sign in").click()
    expect(tab.locator(".who")).to_have_text("olga@x.example")
    tab.reload()
    expect(tab.button("Sign in")).to_be_visible()
    assert tab.evaluate("sessionStorage.length + document.cookie.length") == 0


def test_a_tenant_that_is_left_out_is_a_fault_at_its_field(fake, tabs):
    tab = tabs(fake)
    tab.goto(f"{fake.url}/console")
    tab.field("email").fill("olga@x.example")
    tab.field("password").fill(PASSWORD)
    tab.button("Sign in").click()
    expect(tab.fault_of("tenant")).to_contain_text("is required")
    expect(tab.field("tenant")).to_be_focused()
    expect(tab.field("tenant")).to_have_attribute("aria-invalid", "true")


def test_the_host_names_the_tenant(fake, tabs):
    fake.user("olga@x.example")
    base = fake.url.replace("127.0.0.1", "acme.localhost")
    tab = tabs(fake, base=base)
    tab.goto(f"{base}/console")
    expect(tab.field("tenant")).to_have_value("acme")
    tab.field("email").fill("olga@x.example")
    tab.field("password").fill(PASSWORD)
    tab.keyboard.press("Enter")
    expect(tab.locator(".tenant")).to_have_text("acme")


def test_a_credential_is_kept_in_the_tab_if_that_is_asked_for(fake, tabs):
    tab = tabs(fake).sign_in(keep=True)
    tab.show("contacts").reload()
    expect(tab.locator("h1")).to_have_text("Contacts")
    tab.button("Sign out").click()
    tab.reload()
    expect(tab.button("Sign in")).to_be_visible()


def test_a_wrong_key_is_told(fake, tabs):
    tab = tabs(fake)
    tab.goto(f"{fake.url}/console")
    tab.get_by_label("API key").first.check()
    tab.field("key").fill("rk_test_nothing")
    tab.button("Sign in").click()
    expect(tab.locator(".fault.all")).to_contain_text("401")


def test_a_read_key_sees_nothing_of_what_it_may_not_do(fake, tabs):
    fake.contact()
    fake.deal("Two looms")
    tab = tabs(fake).sign_in(fake.key_for("read"))
    pages = tab.locator("nav#pages a").all_inner_texts()
    assert not {"Webhooks", "API keys", "Settings", "Audit"} & set(pages), pages
    changing = re.compile("New|Edit|Delete|Import|Move|Save|Create", re.I)
    for page in ["contacts", "companies", "deals", "activities", "board", "users", f"contacts/{fake.get('contacts')[0]['id']}", f"deals/{fake.get('deals')[0]['id']}"]:
        tab.show(page)
        buttons = tab.get_by_role("button").or_(tab.locator("a.button"))
        names = [name for name in buttons.all_inner_texts() if changing.search(name)]
        assert not names, (page, names)
    tab.show("board")
    tab.card("Two looms").get_by_role("link").first.focus()
    tab.keyboard.press("Shift+ArrowRight")
    assert fake.get("deals")[0]["stageName"] == "Lead"
    assert tab.card("Two looms").get_attribute("draggable") is None
    for page in ["webhooks", "keys", "settings", "audit"]:
        tab.evaluate("path => { location.hash = `#/${path}`; }", page)
        expect(tab.locator("h1")).to_have_text("Overview")
        tab.show("contacts")


def test_a_write_key_changes_records_and_no_users(fake, tabs):
    fake.user("olga@x.example")
    tab = tabs(fake).sign_in(fake.key_for("write"))
    expect(tab.show("contacts").button("New contact")).to_be_visible()
    tab.show("users")
    expect(tab.row("Olga")).to_be_visible()
    expect(tab.button("New user")).to_have_count(0)
    expect(tab.get_by_role("button", name="Delete Olga")).to_have_count(0)


def test_a_revoked_key_is_signed_out_with_the_reason(fake, tabs):
    key = fake.post("api-keys", {"name": "short", "scopes": "write"})
    tab = tabs(fake).sign_in(key["key"])
    fake.patch(f"api-keys/{key['id']}", {"isActive": False})
    tab.evaluate("location.hash = '#/contacts'")
    expect(tab.locator(".fault").first).to_contain_text("no longer accepts the credential")
    expect(tab.button("Sign in")).to_be_visible()


def test_a_key_that_loses_its_rights_meanwhile_is_shown_less(fake, tabs):
    key = fake.post("api-keys", {"name": "shrinking", "scopes": "admin"})
    tab = tabs(fake).sign_in(key["key"]).show("contacts?new=1")
    for name, text in [("firstName", "Ada"), ("lastName", "Lovelace"), ("email", "ada@x.example")]:
        tab.field(name).fill(text)
    fake.patch(f"api-keys/{key['id']}", {"scopes": "read"})
    tab.button("Create the contact").click()
    expect(tab.dialog().locator(".fault.all")).to_contain_text("403 forbidden")
    tab.says("Your rights have changed: they are read now")
    expect(tab.field("lastName")).to_have_value("Lovelace")
    tab.keyboard.press("Escape")
    expect(tab.locator("nav#pages").get_by_role("link", name="Settings")).to_have_count(0)
    expect(tab.button("New contact")).to_have_count(0)
    tab.keyboard.press("?")
    expect(tab.dialog()).to_contain_text("Go to Board")
    expect(tab.dialog()).not_to_contain_text("Go to Settings")


def test_the_keys_are_those_of_the_caller_and_the_page(fake, tabs):
    tab = tabs(fake).sign_in().show("board")
    tab.keyboard.press("?")
    expect(tab.dialog()).to_contain_text("Move the deal to the next stage")
    expect(tab.dialog()).to_contain_text("Go to Settings")
    tab.keyboard.press("Escape")
    tab.button("Sign out").click()
    tab.sign_in(fake.key_for("read")).show("board")
    tab.button("Keys").click()
    expect(tab.dialog()).to_contain_text("Go to the card below")
    expect(tab.dialog()).not_to_contain_text("Move the deal")
    expect(tab.dialog()).not_to_contain_text("Go to Settings")


def test_a_page_that_the_server_cannot_give_now_is_tried_again(fake, tab):
    # The overview asks for companies, too, and would meet the fault if it were still on its way.
    tab.show("overview")
    fake.call("POST", "_fake/tenants/acme/faults", {"point": "before", "action": {"kind": "status", "status": 503, "retryAfter": 7}, "match": {"method": "GET", "route": "/companies"}})
    tab.evaluate("location.hash = '#/companies'")
    expect(tab.locator("main .fault")).to_contain_text("(503 unavailable). Try again in 7 s. The log has it under")
    tab.button("Try again").click()
    expect(tab.locator(".empty")).to_contain_text("There are no companies yet")


def test_a_rate_limit_is_told_with_the_time_to_wait(tabs):
    with Fake("--rate-limit", "60") as fake:
        tab = tabs(fake).sign_in()
        tab.show("overview")
        expect(tab.locator(".facts")).to_contain_text(re.compile(r"\d+ requests of 60 left"))
        for _ in range(60):
            tab.evaluate("key => fetch('api/v1/contacts', { headers: { 'X-Api-Key': key } })", fake.key)
        tab.evaluate("location.hash = '#/companies'")
        expect(tab.locator("main .fault")).to_contain_text(re.compile(r"429 rate_limited.*Try again in \d+ s"))
        expect(tab.button("Try again")).to_be_visible()
