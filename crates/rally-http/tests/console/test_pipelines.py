"""The pipelines and their stages."""

from playwright.sync_api import expect


def stages_of(pipeline):
    return [(stage["name"], stage["probability"], stage["outcome"]) for stage in pipeline["stages"]]


def stage_field(tab, at, member):
    return tab.locator(f"[name='stages[{at}].{member}']")


def fault_at(tab, at, member):
    return tab.locator(f"[data-member='stages[{at}].{member}'] .fault")


def test_a_pipeline_is_made_with_its_faults_at_their_fields(fake, tab):
    tab.show("pipelines")
    tab.button("New pipeline").click()
    tab.button("Create the pipeline").click()
    expect(tab.fault_of("name")).to_contain_text("is required")
    expect(tab.field("name")).to_be_focused()
    tab.field("name").fill("Renewals")
    tab.button("Add a stage").click()
    expect(stage_field(tab, 3, "name")).to_be_focused()
    stage_field(tab, 3, "name").fill("won")
    stage_field(tab, 3, "probability").fill("101")
    tab.button("Create the pipeline").click()
    expect(fault_at(tab, 3, "probability")).to_contain_text("0 to 100")
    expect(stage_field(tab, 3, "probability")).to_be_focused()
    stage_field(tab, 3, "probability").fill("20")
    tab.button("Create the pipeline").click()
    expect(fault_at(tab, 3, "name")).to_contain_text("is the name of another stage")
    stage_field(tab, 3, "name").fill("Due")
    tab.button("Create the pipeline").click()
    tab.says("Renewals is created")
    made = next(pipeline for pipeline in fake.get("pipelines") if pipeline["name"] == "Renewals")
    assert stages_of(made) == [("Open", 10, "open"), ("Won", 100, "won"), ("Lost", 0, "lost"), ("Due", 20, "open")]
    expect(tab.row("Renewals")).to_contain_text("Open 10 % › Won 100 % › Lost 0 % › Due 20 %")
    tab.link("Renewals").click()
    expect(tab.locator(".column")).to_have_count(4)


def test_stages_are_renamed_ordered_added_and_removed_and_deals_stay_in_theirs(fake, tab):
    deal = fake.deal("Two looms", "Qualified")
    tab.show("board")
    tab.link("Edit the stages").click()
    expect(tab.dialog()).to_contain_text("Edit Sales pipeline")
    stage_field(tab, 1, "name").fill("Wanted")
    tab.button("Move up Wanted").click()
    expect(stage_field(tab, 0, "name")).to_have_value("Wanted")
    expect(tab.button("Move down Wanted")).to_be_focused()
    expect(tab.button("Move up Wanted")).to_be_disabled()
    expect(tab.dialog().locator("[role=status]")).to_have_text("Stage 1 of 6")
    tab.button("Remove Negotiation").click()
    expect(tab.button("Add a stage")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.keyboard.type("Paid")
    stage_field(tab, 5, "outcome").select_option("won")
    tab.button("Save").click()
    tab.says("Sales pipeline is saved")
    names = [stage["name"] for stage in fake.pipeline()["stages"]]
    assert names == ["Wanted", "Lead", "Proposal", "Closed Won", "Closed Lost", "Paid"]
    assert fake.get(f"deals/{deal['id']}")["stageName"] == "Wanted"
    tab.show("board")
    expect(tab.column("Wanted").locator(".card")).to_have_count(1)


def test_a_stage_with_deals_is_not_lost(fake, tab):
    fake.deal("Two looms", "Qualified")
    tab.show("pipelines")
    tab.button("Edit Sales pipeline").click()
    tab.button("Remove Qualified").click()
    tab.button("Save").click()
    expect(tab.locator("#stages-fault")).to_contain_text('must not lose the stage "Qualified", as there are deals in it')
    expect(tab.button("Add a stage")).to_be_focused()
    tab.keyboard.press("Escape")
    tab.button("Edit Sales pipeline").click()
    expect(stage_field(tab, 1, "name")).to_have_value("Qualified")
    stage_field(tab, 1, "outcome").select_option("lost")
    tab.button("Save").click()
    expect(tab.locator("#stages-fault")).to_contain_text("must leave the outcome")
    assert len(fake.pipeline()["stages"]) == 6


def test_another_pipeline_becomes_the_default_and_the_former_is_deleted(fake, tab):
    fake.post("pipelines", {"name": "Renewals", "stages": [{"name": "Due"}]})
    tab.show("pipelines")
    tab.button("Delete Sales pipeline").click()
    tab.button("Delete the pipeline").click()
    expect(tab.dialog().locator(".fault")).to_contain_text("make another one the default before you delete it")
    tab.button("Cancel").click()
    tab.button("Edit Sales pipeline").click()
    tab.field("isDefault").uncheck()
    tab.button("Save").click()
    expect(tab.fault_of("isDefault")).to_contain_text("must stay true until another pipeline is made the default")
    tab.button("Cancel").click()
    tab.button("Make default Renewals").click()
    tab.says("Renewals is the default")
    expect(tab.row("Renewals")).to_contain_text("default")
    tab.button("Delete Sales pipeline").click()
    tab.button("Delete the pipeline").click()
    tab.says("Sales pipeline is deleted")
    assert [pipeline["name"] for pipeline in fake.get("pipelines")] == ["Renewals"]


def test_a_pipeline_that_somebody_else_has_changed_is_told(fake, tab):
    tab.show("pipelines")
    tab.button("Edit Sales pipeline").click()
    tab.field("name").fill("Mine")
    fake.patch(f"pipelines/{fake.pipeline()['id']}", {"name": "Theirs"})
    tab.button("Save").click()
    expect(tab.dialog().locator(".fault.all")).to_contain_text("Somebody has changed this pipeline since it was shown")
    tab.button("Save").click()
    tab.says("Mine is saved")
    assert fake.pipeline()["name"] == "Mine"


def test_only_an_admin_edits_pipelines(fake, tabs):
    tab = tabs(fake).sign_in(fake.key_for("write"))
    expect(tab.show("board").link("Edit the stages")).to_have_count(0)
    expect(tab.locator("nav#pages").get_by_role("link", name="Pipelines")).to_have_count(0)
    tab.evaluate("location.hash = '#/pipelines'")
    expect(tab.locator("h1")).to_have_text("Overview")
