"""The main job: a day's work with the console of a fake that has a sales team's data, in two browsers."""

from playwright.sync_api import expect

from sales import Sales
from test_import import choose

GAP = "\u202f"


def grouped(number):
    return f"{number:,}".replace(",", GAP)


def test_a_day_at_the_console(fake, tabs):
    sales = Sales()
    sales.fill(fake)
    fake.contact("ada@x.example")
    fake.contact("grace@x.example", firstName="Grace", lastName="Hopper")
    tab, other = tabs(fake).sign_in(), tabs(fake).sign_in(fake.key_for("read"))
    other.show("feed")

    tab.show("board")
    expect(tab.locator(".total")).to_have_text(f"{grouped(len(sales.opportunities))} deals")
    for stage, number in sales.counts.items():
        expect(tab.column(stage).locator(".count")).to_have_text(f"{grouped(number)} deals")
    expect(tab.column("Closed Won").locator(".sum")).to_have_text(f"{grouped(sales.sums['Closed Won'])} USD")
    expect(tab.column("Lead").locator(".sums")).to_have_text("no value")

    names = tab.column("Lead").locator(".card a.name").all_inner_texts()[:10]
    tab.keyboard.press("ArrowDown")
    for name in names:
        expect(tab.link(name)).to_be_focused()
        tab.keyboard.press("Shift+ArrowRight")
        tab.says(f"{name} is in Qualified")
        expect(other.locator(".feed li", has_text=name).first).to_contain_text("updated")
        tab.column("Lead").locator(".card a").first.focus()
    expect(tab.column("Lead").locator(".count")).to_have_text(f"{grouped(sales.counts['Lead'] - 10)} deals")
    expect(tab.column("Qualified").locator(".count")).to_have_text(f"{grouped(sales.counts['Qualified'] + 10)} deals")
    stages = {fake.get(f"deals?q={name.split()[0]}")[0]["stageName"] for name in names}
    assert stages == {"Qualified"}, stages

    tab.show("contacts")
    tab.button("Edit Grace Hopper").click()
    tab.field("email").fill("ada@x.example")
    tab.keyboard.press("Enter")
    expect(tab.fault_of("email")).to_contain_text("is taken by another contact")
    tab.field("email").fill("hopper@x.example")
    tab.keyboard.press("Enter")
    tab.says("Grace Hopper is saved")

    tab.show("contacts/import")
    choose(tab, "firstName,lastName,email\nMary,Somerville,mary@x.example\nA,B,nobody\nC,,c@x.example\nD,E,ada@x.example\n")
    tab.button("Check the file").click()
    expect(tab.locator("h2", has_text="3 rows refused")).to_be_visible()
    tab.button("Import 1 row").click()
    tab.says("1 contact imported")
    for label, text in [("email of row 3", "a@x.example"), ("lastName of row 4", "D"), ("email of row 5", "e@x.example")]:
        tab.get_by_label(label).fill(text)
    tab.button("Import the mended rows").click()
    tab.says("3 contacts imported")
    expect(other.locator(".feed li", has_text="Mary Somerville").first).to_contain_text("inserted")

    inbox = fake.call("GET", "_fake/tenants/acme")["inboxUrl"]
    tab.show("webhooks")
    tab.button("New webhook").click()
    tab.field("name").fill("Ledger")
    tab.field("url").fill(f"{inbox}ledger")
    tab.get_by_label("* (all)").check()
    tab.button("Create the webhook").click()
    expect(tab.locator("h1")).to_have_text("Ledger")
    tab.button("Send a test").click()
    tab.says("The receiver has taken the test, with 200")
    tab.show("inbox/ledger")
    expect(tab.locator(".timeline")).to_contain_text("webhook.test")
    expect(tab.locator(".timeline")).to_contain_text("signature verified")
