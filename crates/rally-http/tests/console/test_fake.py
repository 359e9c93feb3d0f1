"""The pages that only a fake has."""

from playwright.sync_api import expect


def test_the_clock_stands_moves_and_is_set(fake, tab):
    tab.show("clock")
    tab.button("Freeze it").click()
    expect(tab.locator(".facts")).to_contain_text("frozen")
    tab.field("to").fill("2030-01-02T03:04")
    tab.button("Set").click()
    tab.says("The clock is set")
    expect(tab.locator(".facts").first).to_contain_text("2030-01-02 03:04:00")
    tab.field("by").fill("90s")
    tab.button("Advance").click()
    expect(tab.locator(".facts").first).to_contain_text("2030-01-02 03:05:30")
    expect(tab.locator("main")).to_contain_text("What has run")
    tab.field("by").fill("soon")
    tab.button("Advance").click()
    expect(tab.locator("form", has=tab.field("by")).locator(".fault.all")).to_contain_text("a span of time")
    fake.contact()
    tab.show("contacts")
    expect(tab.row("Ada")).to_contain_text("2030-01-02 03:05:30")


def test_a_tenant_that_is_reset_is_read_anew(fake, tab):
    for at in range(3):
        fake.contact(f"{at}@x.example")
    tab.show("contacts")
    expect(tab.locator("tbody tr")).to_have_count(3)
    fake.call("POST", "_fake/tenants/acme/snapshot", {})
    fake.contact("3@x.example")
    expect(tab.locator("tbody tr")).to_have_count(4)
    fake.call("POST", "_fake/tenants/acme/restore", {})
    expect(tab.locator("tbody tr")).to_have_count(3, timeout=40_000)


def test_a_server_without_a_control_plane_has_no_such_pages(fake, tabs):
    tab = tabs(fake)
    tab.context.route("**/_fake", lambda route: route.fulfill(status=404, body="{}"))
    tab.sign_in()
    names = tab.locator("nav#pages a").all_inner_texts()
    assert not {"Clock", "Faults", "Inbox", "Requests"} & set(names), names
