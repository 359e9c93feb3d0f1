use std::{collections::BTreeMap, sync::Arc};

use rally_core::{
    Atomicity, Currency, Deal, DealDraft, DealUpdate, Decimal, Id, Pipeline, PipelineDraft, PipelineStage,
    PipelineStageDraft, Query, Scope, store::MemoryStore,
};

use rally_testkit::{CountingStore, Random};

use crate::support::World;

/// The draft of a deal in a stage of the tenant's pipeline.
fn draft(world: &World, stage: &str) -> DealDraft {
    DealDraft::new(world.pipeline().id, world.stage(stage), "Deal")
}

/// Adds a deal of a value, whose digits are kept, in a stage of the tenant's pipeline.
fn deal(world: &World, stage: &str, value: &str, currency: Currency, probability: u8) {
    let draft = draft(world, stage).value(decimal(value)).currency(currency).probability(probability);
    world.acme.deals().create(&draft).unwrap();
}

fn decimal(digits: &str) -> Decimal {
    digits.parse().unwrap()
}

/// The sums of the stages with deals, a line for each.
fn told(world: &World, id: Id<Pipeline>) -> String {
    let forecast = world.acme.pipelines().forecast(id).unwrap();
    let stages = forecast.stages.iter().filter(|stage| stage.count > 0).map(|stage| {
        let sums = stage.sums.iter().map(|sum| format!(" {} {} {}", sum.currency, sum.value, sum.weighted));
        format!("{} {}{}", stage.stage.name, stage.count, sums.collect::<Vec<_>>().join(","))
    });
    stages.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_forecast_shows_every_stage_with_its_sums_by_currency() {
    let world = World::new();
    deal(&world, "Proposal", "100", Currency::USD, 50);
    deal(&world, "Proposal", "0.50", Currency::EUR, 10);
    deal(&world, "Proposal", "20", Currency::USD, 25);
    world.deal("Deal");
    let forecast = world.acme.pipelines().forecast(world.pipeline().id).unwrap();
    let json = serde_json::to_string(&forecast).unwrap();
    insta::assert_snapshot!(json.replace("},{\"id\"", "},\n{\"id\""), @r#"
    {"pipelineId":"0194c101-aca0-7000-8000-0000003ebe02","stages":[{"id":"0194c101-aca0-7000-8719-8f3d35cf1301","name":"Lead","order":1,"probability":10,"outcome":"open","count":1,"sums":[]},
    {"id":"0194c101-aca0-7000-808a-ac6ea0102639","name":"Qualified","order":2,"probability":25,"outcome":"open","count":0,"sums":[]},
    {"id":"0194c101-aca0-7000-b2ca-4f99dc3acea5","name":"Proposal","order":3,"probability":50,"outcome":"open","count":3,"sums":[{"currency":"EUR","value":0.50,"weighted":0.0500},{"currency":"USD","value":120,"weighted":55.00}]},
    {"id":"0194c101-aca0-7000-b688-479a998ef4dc","name":"Negotiation","order":4,"probability":75,"outcome":"open","count":0,"sums":[]},
    {"id":"0194c101-aca0-7000-846a-afb2e1afb68f","name":"Closed Won","order":5,"probability":100,"outcome":"won","count":0,"sums":[]},
    {"id":"0194c101-aca0-7000-bdb4-308ce87132dd","name":"Closed Lost","order":6,"probability":0,"outcome":"lost","count":0,"sums":[]}]}
    "#);
}

#[test]
fn sums_are_exact_to_the_digit() {
    let many = "9999999999999999999999999999";
    let tiny = "0.0000000000000000000000000001";
    for (values, expected) in [
        (vec![("0.1", 100), ("0.2", 100)], "0.3 0.300"),
        (vec![("0.1", 33), ("0.2", 7)], "0.3 0.047"),
        (vec![("10.00", 50), ("5", 1)], "15.00 5.0500"),
        (vec![("-10.5", 50), ("4", 100)], "-6.5 -1.250"),
        (vec![("0", 50)], "0 0.00"),
        (vec![("-1", 0), ("1", 100)], "0 1.00"),
        (vec![(many, 100), (many, 1)], "19999999999999999999999999998 10099999999999999999999999998.99"),
        (
            vec![(many, 100), (tiny, 100)],
            "9999999999999999999999999999.0000000000000000000000000001 \
          9999999999999999999999999999.000000000000000000000000000100",
        ),
        (vec![(tiny, 1)], "0.0000000000000000000000000001 0.000000000000000000000000000001"),
    ] {
        let world = World::new();
        for (value, probability) in &values {
            deal(&world, "Lead", value, Currency::USD, *probability);
        }
        let expected = format!("Lead {} USD {expected}", values.len());
        assert_eq!(told(&world, world.pipeline().id), expected);
        let forecast = world.acme.pipelines().forecast(world.pipeline().id).unwrap();
        let sum = &forecast.stages[0].sums[0];
        let json = format!("\"value\":{},\"weighted\":{}", sum.value, sum.weighted);
        assert!(serde_json::to_string(&forecast).unwrap().contains(&json), "{json}");
    }
}

#[test]
fn deals_without_a_value_are_counted_and_no_more() {
    let world = World::new();
    world.deal("Deal");
    world.acme.deals().create(&draft(&world, "Lead").currency(Currency::EUR)).unwrap();
    deal(&world, "Lead", "7", Currency::USD, 10);
    assert_eq!(told(&world, world.pipeline().id), "Lead 3 USD 7 0.70");
}

#[test]
fn a_forecast_is_of_this_moment_and_this_pipeline() {
    let world = World::new();
    let first = world.pipeline().id;
    let only = PipelineStageDraft::new("Only").probability(30);
    let second = world.acme.pipelines().create(&PipelineDraft::new("Other", vec![only])).unwrap();
    let add =
        |stage, value| world.acme.deals().create(&draft(&world, stage).value(decimal(value))).unwrap().id;
    let id = add("Lead", "10");
    add("Closed Won", "1");
    assert_eq!(told(&world, first), "Lead 1 USD 10 1.00\nClosed Won 1 USD 1 1.00");
    assert_eq!(told(&world, second.id), "");
    let update = DealUpdate::new().stage_id(world.stage("Proposal")).value(decimal("12"));
    world.acme.deals().update(id, &update).unwrap();
    assert_eq!(told(&world, first), "Proposal 1 USD 12 6.00\nClosed Won 1 USD 1 1.00");
    let update = DealUpdate::new().pipeline_id(second.id).stage_id(second.stages[0].id);
    world.acme.deals().update(id, &update).unwrap();
    assert_eq!(told(&world, first), "Closed Won 1 USD 1 1.00");
    assert_eq!(told(&world, second.id), "Only 1 USD 12 3.60");
    world.acme.deals().delete(id).unwrap();
    assert_eq!(told(&world, second.id), "");
}

#[test]
fn all_deals_of_a_large_pipeline_are_added_up() {
    let world = World::new();
    let drafts = vec![draft(&world, "Lead").value(decimal("1")).probability(50); 100];
    for _ in 0..21 {
        world.acme.deals().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    }
    assert_eq!(told(&world, world.pipeline().id), "Lead 2100 USD 2100 1050.00");
}

#[test]
fn whoever_reads_may_forecast_what_there_is() {
    let world = World::new();
    let reader = world.acme.clone().limited_to(Scope::Read);
    assert_eq!(reader.pipelines().forecast(world.pipeline().id).unwrap().stages.len(), 6);
    let error =
        reader.pipelines().forecast("0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap()).unwrap_err();
    assert_eq!(error.detail(), "there is no such pipeline");
}

#[test]
fn a_sum_is_a_decimal_as_far_as_one_has_room() {
    let world = World::new();
    let sum = |world: &World| {
        let forecast = world.acme.pipelines().forecast(world.pipeline().id).unwrap();
        forecast.stages[0].sums[0].value.clone()
    };
    deal(&world, "Lead", "0.10", Currency::USD, 10);
    deal(&world, "Lead", "20", Currency::USD, 10);
    assert_eq!(Decimal::try_from(&sum(&world)).unwrap().to_string(), "20.10");
    deal(&world, "Lead", &"9".repeat(28), Currency::USD, 10);
    assert_eq!(sum(&world).to_string(), "10000000000000000000000000019.10");
    assert!(Decimal::try_from(&sum(&world)).is_err());
}

/// A number of units of a decimal place as a decimal of so many places.
fn digits(number: i64, place: u32, scale: u32) -> String {
    rust_decimal::Decimal::new(number / 10_i64.pow(place - scale), scale).to_string()
}

/// The text that [`told`] gives of the tenant's pipeline, made of its deals, whose values have two places at most.
fn recounted(world: &World) -> String {
    // By currency: hundredths, their percentages, and the most places of a value.
    type Sums = BTreeMap<String, (i64, i64, u32)>;
    let mut stages: BTreeMap<Id<PipelineStage>, (usize, Sums)> = BTreeMap::new();
    for deal in world.acme.view().unwrap().deals().all(Query::all()).unwrap() {
        let deal = deal.unwrap();
        let (count, sums) = stages.entry(deal.stage_id).or_default();
        *count += 1;
        if let Some(value) = deal.value.map(rust_decimal::Decimal::from) {
            let (sum, weighted, scale) = sums.entry(deal.currency.to_string()).or_default();
            let hundredths = i64::try_from(value.mantissa()).unwrap() * 10_i64.pow(2 - value.scale());
            *sum += hundredths;
            *weighted += hundredths * i64::from(deal.probability);
            *scale = value.scale().max(*scale);
        }
    }
    let line = |stage: PipelineStage| {
        let (count, sums) = stages.get(&stage.id)?;
        let sums = sums.iter().map(|(currency, (sum, weighted, scale))| {
            format!(" {currency} {} {}", digits(*sum, 2, *scale), digits(*weighted, 4, scale + 2))
        });
        Some(format!("{} {count}{}", stage.name, sums.collect::<Vec<_>>().join(",")))
    };
    world.pipeline().stages.into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// A random value of at most two places, or none.
fn some_value(random: &mut Random) -> Option<Decimal> {
    let number = i64::try_from(random.below(2_000)).unwrap() - 500;
    let scale = u32::try_from(random.below(3)).unwrap();
    if random.once_in(5) { None } else { Some(rust_decimal::Decimal::new(number, scale).into()) }
}

#[test]
fn the_sums_after_any_changes_are_those_of_all_deals_added_up() {
    // With six stages, more sums than are gathered in one row.
    let currencies = ["USD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY"]
        .map(|code| code.parse::<Currency>().unwrap());
    let (world, mut random) = (World::new(), Random::new(3));
    let stages = world.pipeline().stages;
    let mut deals: Vec<Id<Deal>> = Vec::new();
    for step in 0..600 {
        let stage = stages[random.below(stages.len())].id;
        let currency = random.one_of(&currencies);
        let percent = u8::try_from(random.below(101)).unwrap();
        let known = deals.get(random.below(deals.len())).copied();
        match (random.below(8), known) {
            (0, Some(id)) => {
                deals.retain(|deal| *deal != id);
                world.acme.deals().delete(id).unwrap();
            }
            (1, Some(id)) => drop(world.acme.deals().move_to(id, stage).unwrap()),
            (2, Some(id)) => {
                let update = DealUpdate::new().value(some_value(&mut random)).currency(currency);
                world.acme.deals().update(id, &update.probability(percent)).unwrap();
            }
            (3, Some(id)) => {
                let refused = world.acme.write(|tx| {
                    tx.deals().update(id, &DealUpdate::new().value(decimal("7")))?;
                    tx.deals().delete(id)?;
                    tx.deals().delete(id)
                });
                refused.unwrap_err();
            }
            _ => {
                let draft = DealDraft::new(world.pipeline().id, stage, "Deal").currency(currency);
                let draft = draft.value(some_value(&mut random)).probability(percent);
                deals.push(world.acme.deals().create(&draft).unwrap().id);
            }
        }
        if step % 10 == 0 {
            assert_eq!(told(&world, world.pipeline().id), recounted(&world), "step {step}");
        }
    }
    let rows = world.stored(world.acme.tenant().id);
    let rows = rows.iter().filter(|row| row.key.as_bytes()[0] == 0x16);
    assert_eq!(rows.clone().count(), 1 + 6, "one that gathers, and one for each stage");
    assert!(rows.clone().all(|row| row.value.len() < 64 * 60), "neither grows with the deals");
    for id in deals {
        world.acme.deals().delete(id).unwrap();
    }
    assert_eq!(told(&world, world.pipeline().id), "");
}

#[test]
fn a_forecast_costs_the_same_however_many_deals_there_are() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let drafts = vec![draft(&world, "Lead").value(decimal("1")).probability(50); 100];
    let pipeline = world.pipeline().id;
    let costs = [1, 20].map(|bulks| {
        for _ in 0..bulks {
            world.acme.deals().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
        }
        store.reset();
        world.acme.pipelines().forecast(pipeline).unwrap();
        let counts = store.counts();
        (counts.gets, counts.get_manys, counts.keys_asked, counts.scans)
    });
    assert_eq!(
        costs,
        [(1, 1, 7, 0); 2],
        "the pipeline, and the rows of its stages with the one that gathers"
    );
}
