//! Members that rules and credentials read straight from the stored record.

use rally_core::{
    Activity, ActivityDraft, ActivityType, ActivityUpdate, ApiKey, ApiKeyDraft, BantUpdate, CompanyDraft,
    CriterionUpdate, Deal, DealDraft, DealUpdate, Decimal, Id, Kind, Pipeline, PipelineStageDraft,
    PipelineUpdate, Scope, Timestamp, User, UserDraft,
    store::{Key, Space},
};

use super::{Damaged, SECRET, is_corrupt, refused};

#[test]
fn damaged_members_of_a_credential_are_not_taken_for_a_wrong_one() {
    for (text, by) in [
        ("\"read\"", &b"\"reed\""[..]),
        ("\"2030-01-01", b"\"2030-01-xx"),
        ("true", b"tru3"),
        ("true", b"null"),
        ("true", b"   1"),
    ] {
        let damaged = Damaged::new();
        let draft = ApiKeyDraft::new("robot").expires_at("2030-01-01".parse::<Timestamp>().unwrap());
        let made = damaged.world.acme.api_keys().mint(&draft).unwrap();
        damaged.replace::<ApiKey>(made.model.id, text, by);
        is_corrupt(damaged.world.engine.authenticate(&made.key));
    }
    for (text, by) in [
        ("\"write\"", &b"\"wrote\""[..]),
        ("\"2025-02-01", b"\"2025-02-xx"),
        ("true", b"tru3"),
        ("$argon2id$", b"$argon2xx$"),
        ("$v=19$", b"$v=18$"),
        ("$m=19456,", b"$m=x9456,"),
    ] {
        let damaged = Damaged::new();
        let olga = UserDraft::new("o@x.example", "Olga").scopes(Scope::Write).password(SECRET);
        let id: Id<User> = damaged.world.acme.users().create(&olga).unwrap().id;
        damaged.replace(id, text, by);
        is_corrupt(damaged.world.engine.log_in("acme", "o@x.example", SECRET, None));
    }
}

#[test]
fn a_damaged_mark_of_an_active_admin_is_told_when_the_last_one_is_looked_for() {
    let damaged = Damaged::new();
    let keys = damaged.world.acme.api_keys();
    let draft = ApiKeyDraft::new("robot").scopes(Scope::Admin);
    let (first, other) = (keys.mint(&draft).unwrap().model.id, keys.mint(&draft).unwrap().model.id);
    damaged.replace::<ApiKey>(other, "true", b"tru3");
    refused(&damaged, || keys.revoke(first));
}

/// The draft of a deal of a value.
fn valued(damaged: &Damaged) -> DealDraft {
    damaged.world.lead("Deal").value("12345".parse::<Decimal>().unwrap())
}

#[test]
fn damaged_members_of_a_deal_are_told_when_they_are_taken_out_of_the_sums() {
    for (text, by) in [("12345", &b"1234x"[..]), ("\"USD\"", b"\"US\xff\""), ("\"USD\"", b"\"USD ")] {
        let damaged = Damaged::new();
        let deals = damaged.world.acme.deals();
        let deal = deals.create(&valued(&damaged)).unwrap().id;
        damaged.replace(deal, text, by);
        refused(&damaged, || deals.delete(deal));
    }
}

#[test]
fn damaged_sums_are_told_by_the_forecast() {
    let damaged = Damaged::new();
    damaged.world.acme.deals().create(&valued(&damaged)).unwrap();
    let key = Key::new(Space(0x16)).kind(Kind::Deal);
    let whole = damaged.value(&key);
    let place = whole.windows(3).position(|bytes| bytes == b"USD").unwrap();
    let (mut unknown, mut none) = (whole.clone(), whole.clone());
    unknown[place] = b'u';
    // The scale and the count follow; twice the count of one is none.
    none[place + 4] = 0;
    for value in [&unknown[..], &none, &whole[..whole.len() - 1]] {
        damaged.put(&key, value);
        is_corrupt(damaged.world.acme.pipelines().forecast(damaged.world.pipeline().id));
    }
    damaged.put(&key, &whole);
    damaged.world.acme.pipelines().forecast(damaged.world.pipeline().id).unwrap();
}

#[test]
fn damaged_stages_of_a_pipeline_are_told() {
    for (text, by) in
        [("\"outcome\":\"won\"", &b"\"outcome\":\"wo8\""[..]), ("\"name\":\"Lead\"", b"\"nome\":\"Lead\"")]
    {
        let damaged = Damaged::new();
        let acme = &damaged.world.acme;
        let (pipeline, draft) = (damaged.world.pipeline().id, damaged.world.lead("Deal"));
        let deal = damaged.world.deal("Deal");
        damaged.replace::<Pipeline>(pipeline, text, by);
        refused(&damaged, || acme.deals().create(&draft));
        let stages = vec![PipelineStageDraft::new("Due")];
        refused(&damaged, || acme.pipelines().update(pipeline, &PipelineUpdate::new().stages(stages)));
        if text.contains("name") {
            is_corrupt(acme.deals().get(deal));
        }
    }
}

#[test]
fn a_damaged_mark_of_the_default_pipeline_does_not_let_it_go() {
    let damaged = Damaged::new();
    let pipelines = damaged.world.acme.pipelines();
    let id = damaged.world.pipeline().id;
    damaged.replace::<Pipeline>(id, "true", b"tru3");
    refused(&damaged, || pipelines.delete(id));
    refused(&damaged, || pipelines.update(id, &PipelineUpdate::new().is_default(false)));
}

#[test]
fn a_damaged_criterion_is_not_laid_over() {
    for by in [&br#"{"rating":x,"notes":null}"#[..], br#"{"rating":2,"nothe":null}"#] {
        let damaged = Damaged::new();
        let (bant, deal) = (damaged.world.acme.bant(), damaged.world.deal("Deal"));
        let rated = |rating| BantUpdate::new().need(CriterionUpdate::new().rating(rating));
        bant.update(deal.into(), &rated(2)).unwrap();
        damaged.replace::<Deal>(deal, r#"{"rating":2,"notes":null}"#, by);
        refused(&damaged, || bant.update(deal.into(), &rated(3)));
    }
}

#[test]
fn a_damaged_reference_is_not_taken_for_none() {
    let damaged = Damaged::new();
    let acme = &damaged.world.acme;
    let company = acme.companies().create(&CompanyDraft::new("Looms")).unwrap().id;
    let stage = damaged.world.stage("Lead");
    let pipeline = damaged.world.pipeline().id;
    let references = [company.to_string(), stage.to_string(), pipeline.to_string()];
    for reference in references {
        let deal = acme.deals().create(&damaged.world.lead("Deal").company_id(company)).unwrap().id;
        damaged.replace::<Deal>(deal, &reference, &[&b"x"[..], &reference.as_bytes()[1..]].concat());
        is_corrupt(acme.deals().json().get(deal));
        let next = damaged.world.stage("Qualified");
        refused(&damaged, || acme.deals().update(deal, &DealUpdate::new().stage_id(next)));
    }
}

#[test]
fn a_damaged_type_of_an_activity_is_told_by_a_write() {
    for by in [&b"\"nope\""[..], b"\"note ", b"  null"] {
        let damaged = Damaged::new();
        let activities = damaged.world.acme.activities();
        let id = activities.create(&ActivityDraft::new(ActivityType::Note, "Ask")).unwrap().id;
        damaged.replace::<Activity>(id, "\"note\"", by);
        refused(&damaged, || activities.update(id, &ActivityUpdate::new().subject("Tell")));
    }
}
