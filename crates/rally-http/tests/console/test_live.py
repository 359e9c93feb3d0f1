"""The feed page, and a server that goes away and returns."""

from playwright.sync_api import expect

from support import Fake, Server


def test_the_feed_is_followed_paused_and_filtered(fake, tab):
    tab.show("feed")
    expect(tab.locator(".empty")).to_contain_text("Nothing has happened yet")
    fake.contact()
    expect(tab.locator(".feed li")).to_have_count(1)
    expect(tab.locator(".feed li").first).to_contain_text("Ada Lovelace")
    expect(tab.locator(".feed li").first).to_contain_text("apikey:fake admin")
    tab.button("Pause").click()
    fake.deal("Two looms")
    expect(tab.locator(".bar [role=status]")).to_have_text("1 held")
    expect(tab.locator(".feed li")).to_have_count(1)
    tab.keyboard.press("p")
    expect(tab.locator(".feed li")).to_have_count(2)
    expect(tab.locator(".feed li").first).to_contain_text("Two looms")
    tab.get_by_label("Kind").select_option("contact")
    expect(tab.locator(".feed li")).to_have_count(1)
    tab.get_by_label("Kind").select_option("")
    tab.get_by_label("Action").select_option("deleted")
    expect(tab.locator(".empty")).to_contain_text("No change matches")
    tab.get_by_label("Action").select_option("")
    tab.get_by_label("Changed by").fill("nobody")
    expect(tab.locator(".feed li")).to_have_count(0)


def test_the_past_of_the_feed_is_shown_without_gap_or_repetition(fake, tab):
    fake.deals(150)
    tab.show("feed")
    fake.deals(100, "Proposal")
    expect(tab.locator(".feed li").first).to_contain_text("250")
    numbers = [int(text) for text in tab.locator(".feed .number").all_inner_texts()]
    assert numbers == list(range(250, 250 - len(numbers), -1)) and len(numbers) >= 200, numbers


def test_a_server_that_returns_is_found_and_nothing_is_missed(tabs):
    with Fake() as fake:
        tab = tabs(fake).sign_in()
        tab.show("feed")
        fake.contact("a@x.example")
        expect(tab.locator(".feed li")).to_have_count(1)
        tab.context.set_offline(True)
        expect(tab.locator(".state")).to_have_text("lost")
        fake.contact("b@x.example")
        fake.contact("c@x.example")
        tab.context.set_offline(False)
        expect(tab.locator(".state")).to_have_text("live")
        expect(tab.locator(".feed li")).to_have_count(3)


def test_a_page_shows_itself_once_the_server_can_be_reached(fake, tab):
    fake.contact()
    tab.context.set_offline(True)
    tab.evaluate("location.hash = '#/contacts'")
    expect(tab.locator("main .fault")).to_contain_text("The server cannot be reached; it is tried again")
    tab.context.set_offline(False)
    expect(tab.row("Ada Lovelace")).to_be_visible()


def test_a_record_that_gets_another_name_is_called_so(fake, tab):
    company = fake.post("companies", {"name": "Looms Ltd"})
    contact = fake.contact(companyId=company["id"])
    tab.show(f"contacts/{contact['id']}")
    expect(tab.locator(".facts").first).to_contain_text("Looms Ltd")
    fake.patch(f"companies/{company['id']}", {"name": "Mills Ltd"})
    tab.show("feed")
    expect(tab.locator(".feed li").first).to_contain_text("Mills Ltd")
    tab.show(f"contacts/{contact['id']}")
    expect(tab.locator(".facts").first).to_contain_text("Mills Ltd")


def test_a_server_that_ends_and_is_started_again_is_followed_on(tabs, tmp_path):
    with Server(tmp_path) as server:
        key, port = server.key, server.url.rsplit(":", 1)[1]
        server.deal("Two looms")
        tab, other = tabs(server).sign_in(), tabs(server).sign_in()
        tab.show("board")
        other.show("feed")
    for page in (tab, other):
        expect(page.locator(".state")).to_have_text("lost")
    tab.link("Two looms").focus()
    tab.keyboard.press("Shift+ArrowRight")
    tab.says("The server cannot be reached")
    expect(tab.column("Lead").locator(".card")).to_have_count(1)
    with Server(tmp_path, port, key) as server:
        server.deal("Three looms", "Proposal")
        for page in (tab, other):
            expect(page.locator(".state")).to_have_text("live", timeout=30_000)
        expect(tab.column("Proposal").locator(".card")).to_have_count(1)
        expect(other.locator(".feed li").first).to_contain_text("Three looms")
        expect(other.locator(".feed li")).to_have_count(2)
        tab.button("Try again").click()
        tab.says("Two looms is in Qualified")


def test_a_server_that_is_started_anew_asks_for_a_new_credential(tabs):
    fake = Fake()
    tab = tabs(fake).sign_in()
    port = fake.url.rsplit(":", 1)[1]
    fake.stop()
    expect(tab.locator(".state")).to_have_text("lost")
    tab.evaluate("location.hash = '#/contacts'")
    expect(tab.locator("main .fault")).to_contain_text("The server cannot be reached")
    with Fake(port=port):
        expect(tab.button("Sign in")).to_be_visible(timeout=30_000)
        expect(tab.locator(".fault").first).to_contain_text("no longer accepts")
