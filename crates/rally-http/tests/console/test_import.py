"""Import with a preview and a trial, and export."""

import re

from playwright.sync_api import expect

FILE = """firstName,lastName,email,Shoe size
Ada,Lovelace,ada@x.example,38
Grace,Hopper,nobody,39
Mary,,mary@x.example,40
Olga,Taken,taken@x.example,41
Émilie,du Châtelet,emilie@x.example,42
"""


def lenient(fake):
    """Lets files have columns that are no members, which a strict tenant refuses."""
    fake.call("PUT", "api/v1/settings", {"profile": "documented"})


def choose(tab, text, name="people.csv"):
    tab.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": text.encode()})


def test_three_bad_rows_are_mended_on_the_page(fake, tab):
    lenient(fake)
    fake.contact("taken@x.example")
    tab.show("contacts/import")
    choose(tab, FILE)
    expect(tab.locator("pre")).to_contain_text("Émilie,du Châtelet")
    tab.button("Check the file").click()
    expect(tab.locator("h2", has_text="What would happen")).to_be_focused()
    assert len(fake.get("contacts")) == 1, "a trial changes nothing"
    expect(tab.locator("h2", has_text="3 rows refused")).to_be_visible()
    expect(tab.locator("summary", has_text="1 column not read")).to_be_visible()
    reasons = tab.locator("section .fault").all_inner_texts()
    assert len(reasons) == 3 and "e-mail" in reasons[0].lower(), reasons
    tab.button("Import 2 rows").click()
    tab.says("2 contacts imported, 3 skipped")
    assert len(fake.get("contacts")) == 3
    tab.get_by_label("email of row 3").fill("grace@x.example")
    tab.get_by_label("lastName of row 4").fill("Somerville")
    tab.get_by_label("email of row 5").fill("olga@x.example")
    tab.button("Check the mended rows").click()
    expect(tab.button("Import 3 rows")).to_be_visible()
    expect(tab.locator("h2", has_text="refused")).to_have_count(0)
    tab.button("Import 3 rows").click()
    tab.says("3 contacts imported, 0 skipped")
    names = sorted(contact["fullName"] for contact in fake.get("contacts"))
    assert names == ["Ada Lovelace", "Ada Lovelace", "Grace Hopper", "Mary Somerville", "Olga Taken", "Émilie du Châtelet"]
    tab.link("See all contacts").click()
    expect(tab.locator("tbody tr")).to_have_count(6)


def test_columns_are_mapped_by_hand(fake, tab):
    lenient(fake)
    tab.show("companies/import")
    tab.button("Check the file").click()
    expect(tab.locator(".fault.all")).to_have_text("Choose a file first.")
    choose(tab, "Firm,Domain,What they do\nLooms Ltd,looms.example,weaving\n")
    tab.locator("summary", has_text="Options").click()
    tab.button("Check the file").click()
    tab.get_by_label("The member that Firm is read as").select_option(label="Name")
    expect(tab.button("Import 1 row")).to_be_visible()
    tab.get_by_label("The member that What they do is read as").select_option(label="Industry")
    expect(tab.get_by_label("The member that What they do is read as")).to_have_value("industry")
    tab.button("Import 1 row").click()
    tab.says("1 company imported")
    assert fake.get("companies")[0]["industry"] == "weaving"


def test_columns_that_a_strict_tenant_refuses_are_mapped_or_left_out(fake, tab):
    tab.show("contacts/import")
    choose(tab, "firstName,Family,email,Shoe size\nAda,Lovelace,ada@x.example,38\n")
    tab.button("Check the file").click()
    expect(tab.locator(".fault.all")).to_contain_text("Shoe size")
    tab.get_by_label("The member that Family is read as").select_option(label="Last name")
    expect(tab.get_by_label("The member that Family is read as")).to_have_value("lastName")
    tab.button("Leave these columns out").click()
    tab.button("Import 1 row").click()
    tab.says("1 contact imported")
    assert fake.get("contacts")[0]["fullName"] == "Ada Lovelace"


def test_what_is_wrong_with_the_options_is_told_at_their_fields(fake, tab):
    tab.show("deals/import")
    tab.locator("summary", has_text="Options").click()
    choose(tab, "name\nTwo looms\n")
    tab.field("delimiter").fill("ab")
    tab.button("Check the file").click()
    expect(tab.fault_of("delimiter")).not_to_be_empty()


def test_known_rows_are_changed_by_an_upsert(fake, tab):
    fake.contact("ada@x.example")
    tab.show("contacts/import")
    choose(tab, "email,title\nada@x.example,Countess\n")
    tab.locator("summary", has_text="Options").click()
    tab.field("mode").select_option("update")
    tab.field("key").select_option("email")
    tab.button("Check the file").click()
    tab.button("Import 1 row").click()
    tab.says("1 contact imported")
    assert fake.get("contacts")[0]["title"] == "Countess"


def test_what_a_table_shows_is_exported(fake, tab):
    fake.contact("ada@x.example", lifecycleStage="customer")
    fake.contact("grace@x.example", firstName="Grace")
    tab.show("contacts?lifecycleStage=customer")
    for form, ending in [("CSV", "csv"), ("Excel", "xlsx")]:
        tab.locator("summary", has_text="Export").click()
        with tab.page.expect_download() as download:
            tab.button(form).click()
        assert download.value.suggested_filename == f"contacts.{ending}"
        content = download.value.path().read_bytes()
        assert content.startswith(b"PK") if ending == "xlsx" else b"ada@x.example" in content and b"grace" not in content
    tab.show("contacts/import")
    with tab.page.expect_download() as download:
        tab.button("Get an empty file with all columns").click()
    assert re.match(b"(\xef\xbb\xbf)?id,firstName|(\xef\xbb\xbf)?firstName", download.value.path().read_bytes())
