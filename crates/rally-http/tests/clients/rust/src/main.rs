//! Does a small job with the client that progenitor makes: what a program that keeps a CRM in step does.

use std::{env, error::Error};

use chrono::DateTime;
use reqwest::header::{HeaderMap, HeaderValue};

use self::{
    client::{Client, types},
    types::{
        Action, BantChange, BantCriterionDraft, Contact, ContactDraft, ContactUpsert, DealDraft, DealStatus,
        LifecycleStage, ProblemCode, SettingsChange, StageMove, StageOutcome,
    },
};

mod client {
    progenitor::generate_api!(spec = "rally.json", interface = Builder);
}

type Done<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let [url, key] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "an URL and a key, please")?;
    let headers = HeaderMap::from_iter([("x-api-key".parse()?, HeaderValue::try_from(key)?)]);
    let client = Client::new_with_client(&url, reqwest::Client::builder().default_headers(headers).build()?);
    let ada = contacts(&client).await?;
    bulk(&client).await?;
    deals(&client, &ada).await?;
    feed(&client, &ada).await?;
    refusals(&client).await?;
    println!("the Rust client has done its job");
    Ok(())
}

fn draft(first_name: &str, last_name: &str, email: &str) -> ContactDraft {
    let draft = ContactDraft::builder().first_name(first_name).last_name(last_name).email(email);
    draft.try_into().expect("all that is required was given")
}

async fn contacts(client: &Client) -> Done<Contact> {
    let mut lovelace = draft("Ada", "Lovelace", "ada@job.example");
    lovelace.lifecycle_stage = Some(LifecycleStage::Qualified);
    lovelace.lead_score = Some(85);
    let ada = client.create_contact().body(lovelace).send().await?.into_inner();
    assert_eq!((ada.full_name.as_str(), ada.lifecycle_stage), ("Ada Lovelace", LifecycleStage::Qualified));
    let babbage = draft("Charles", "Babbage", "charles@job.example");
    let charles = client.create_contact().body(babbage).send().await?;
    assert_eq!(charles.lifecycle_stage, LifecycleStage::Lead, "a member that is left out has its default");

    let found = client.list_contacts().lifecycle_stage(LifecycleStage::Qualified).send().await?;
    assert_eq!(found.iter().map(|contact| contact.id).collect::<Vec<_>>(), [Some(ada.id)]);
    let named = client.list_contacts().q("lov").fields("email").send().await?;
    assert_eq!(named[0].email.as_deref(), Some("ada@job.example"));

    let change = ContactUpsert::builder().email("ADA@job.example").title(Some("Analyst".to_owned()));
    let updated = client.upsert_contact().body(change).send().await?;
    assert_eq!((updated.status().as_u16(), updated.id), (200, ada.id));
    Ok(ada)
}

async fn bulk(client: &Client) -> Done {
    let items = vec![
        draft("Mary", "Somerville", "mary@job.example"),
        draft("Nobody", "At all", "no address"),
        draft("Sophie", "Germain", "sophie@job.example"),
    ];
    let result = client.create_contacts().body(items).send().await?;
    assert_eq!((result.created, result.failed), (2, 1));
    let bad = result.results[1].error.as_ref().ok_or("the second should have failed")?;
    assert!(bad.code == ProblemCode::Validation && bad.errors.contains_key("email"), "{bad:?}");
    Ok(())
}

async fn deals(client: &Client, contact: &Contact) -> Done {
    let pipelines = client.list_pipelines().send().await?;
    let pipeline = &pipelines[0];
    let draft = DealDraft::builder()
        .name("Difference engine")
        .pipeline_id(pipeline.id.ok_or("a pipeline without an id")?)
        .stage_id(pipeline.stages[0].id)
        .contact_id(contact.id)
        .value(48000.5)
        .expected_close_date(DateTime::parse_from_rfc3339("2025-06-30T00:00:00Z")?.to_utc());
    let deal = client.create_deal().body(draft).send().await?;
    assert_eq!((deal.status, deal.contact_name.as_deref()), (DealStatus::Open, Some("Ada Lovelace")));

    let won =
        pipeline.stages.iter().find(|stage| stage.outcome == StageOutcome::Won).ok_or("no won stage")?;
    let moved = client.move_deal().id(deal.id).body(StageMove::builder().stage_id(won.id)).send().await?;
    assert_eq!((moved.status, moved.probability), (DealStatus::Won, 100));

    let budget = BantCriterionDraft { rating: Some(3), notes: Some("Approved.".to_owned()) };
    let need = BantCriterionDraft { rating: Some(2), notes: None };
    let change = BantChange::builder().budget(budget).need(need);
    let bant = client.update_bant().id(deal.id).body(change).send().await?;
    assert_eq!((bant.budget.rating, bant.score), (Some(3), Some(42)));
    client.get_bant().id(deal.id).send().await?;
    Ok(())
}

async fn feed(client: &Client, contact: &Contact) -> Done {
    let since = DateTime::parse_from_rfc3339("2025-01-01T00:00:00Z")?.to_utc();
    let changes = client.list_changes().since(since).entities("contacts").send().await?;
    assert_eq!((changes[0].entity_id, changes[0].action), (Some(contact.id), Some(Action::Inserted)));
    Ok(())
}

async fn refusals(client: &Client) -> Done {
    let taken = client.create_contact().body(draft("Ada", "King", "ada@job.example")).send().await;
    let problem = problem(taken.err().ok_or("the address is taken")?)?;
    assert!(problem.status == 400 && problem.code == ProblemCode::Duplicate && problem.existing_id.is_some());

    client.update_settings().body(SettingsChange::builder().rate_limit_per_minute(2)).send().await?;
    // The next minute may begin between two requests, and with it new ones.
    for _ in 0..8 {
        if let Err(error) = client.list_contacts().send().await {
            let client::Error::ErrorResponse(answer) = error else { return Err(error.into()) };
            let wait: u64 = answer.headers()["retry-after"].to_str()?.parse()?;
            assert!(answer.code == ProblemCode::RateLimited && wait <= 60);
            return Ok(());
        }
    }
    Err("no request was one too many".into())
}

/// The problem of an answer that refuses.
fn problem(error: client::Error<types::Problem>) -> Done<types::Problem> {
    match error {
        client::Error::ErrorResponse(answer) => Ok(answer.into_inner()),
        other => Err(other.into()),
    }
}
