"""The main job: a day's work with the console of a fake, in two browsers."""

from playwright.sync_api import expect

from test_import import choose

STAGES = {"Lead": 30, "Qualified": 20, "Closed Won": 12}


def fill(fake):
    pipeline = fake.pipeline()
    stages = {stage["name"]: stage["id"] for stage in pipeline["stages"]}
    bodies = [
        {"name": f"{stage} {at:02}", "pipelineId": pipeline["id"], "stageId": stages[stage], "value": at + 0.25}
        for stage, number in STAGES.items()
        for at in range(number)
    ]
    fake.post("deals/bulk", bodies)
    fake.contact("ada@x.example")
    fake.contact("grace@x.example", firstName="Grace", lastName="Hopper")


def test_a_day_at_the_console(fake, tabs):
    fill(fake)
    tab, other = tabs(fake).sign_in(), tabs(fake).sign_in(fake.key_for("read"))
    other.show("feed")

    tab.show("board")
    for stage, number in STAGES.items():
        expect(tab.column(stage).locator(".count")).to_have_text(f"{number} deals")
        exact = f"{sum(range(number)) + number // 4}.{['00', '25', '50', '75'][number % 4]}"
        expect(tab.column(stage).locator(".sum")).to_have_text(f"{exact} USD")

    tab.keyboard.press("ArrowDown")
    for at in range(10):
        expect(tab.link(f"Lead {at:02}")).to_be_focused()
        tab.keyboard.press("Shift+ArrowRight")
        expect(tab.column("Qualified").locator(".card", has_text=f"Lead {at:02}")).to_be_visible()
        expect(other.locator(".feed li", has_text=f"Lead {at:02}").first).to_contain_text("updated")
        tab.says(f"Lead {at:02} is in Qualified")
        tab.column("Lead").locator(".card a").first.focus()
    expect(tab.column("Lead").locator(".count")).to_have_text("20 deals")
    expect(tab.column("Qualified").locator(".count")).to_have_text("30 deals")

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
    tab.button("Try it without a change").click()
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
