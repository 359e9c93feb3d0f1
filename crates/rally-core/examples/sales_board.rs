//! A sales board on the embedded engine: the columns of a pipeline with the deals in them, what they are worth in each
//! currency, and what they are likely to bring.
//!
//! ```text
//! cargo run -p rally-core --example sales_board
//! ```

#![expect(clippy::print_stdout, reason = "a board is to be seen")]

use std::fmt::{self, Write};

use rally_core::{
    CompanyDraft, Deal, DealDraft, Engine, Error, Forecast, Id, ListQuery, Pipeline, Session, StageForecast,
    TenantDraft, store::MemoryStore,
};

/// Names of deals that a column shows.
const SHOWN: usize = 3;

fn main() -> Result<(), Error> {
    let engine = Engine::new(MemoryStore::new());
    engine.create_tenant(&TenantDraft { slug: "acme".into(), ..TenantDraft::default() })?;
    let acme = engine.trusted_session("acme", "sales board")?;
    let pipeline = sell(&acme)?;
    print!("{}", board(&acme, pipeline)?);
    Ok(())
}

/// A week's work: some deals, of which one is won.
fn sell(acme: &Session) -> Result<Id<Pipeline>, Error> {
    let pipelines = acme.pipelines().list(&ListQuery::default())?;
    let pipeline =
        pipelines.rows.first().ok_or_else(|| Error::internal("a tenant has a pipeline"))?.read()?;
    let stage = |name: &str| pipeline.stages.iter().find(|stage| stage.name == name).map(|stage| stage.id);
    let company =
        acme.companies().create(&CompanyDraft { name: "Looms Ltd".into(), ..Default::default() })?;
    let mut last = None;
    for (name, value, currency, at) in [
        ("Two looms", "12000", "USD", "Lead"),
        ("Spare parts", "349.50", "EUR", "Lead"),
        ("Maintenance", "0.10", "USD", "Lead"),
        ("Training", "0.20", "USD", "Lead"),
        ("A hall of looms", "1250000.00", "EUR", "Negotiation"),
    ] {
        let draft = DealDraft {
            pipeline_id: pipeline.id,
            stage_id: stage(at).unwrap_or_default(),
            company_id: Some(company.row.id()),
            name: name.into(),
            value: Some(value.parse().map_err(Error::internal)?),
            currency: Some(currency.into()),
            ..DealDraft::default()
        };
        last = Some(acme.deals().create(&draft)?.row.id());
    }
    acme.deals().move_to(last.unwrap_or_default(), stage("Closed Won").unwrap_or_default())?;
    Ok(pipeline.id)
}

/// The board of a pipeline: one call for what the columns come to, and one for the deals of each.
fn board(acme: &Session, pipeline: Id<Pipeline>) -> Result<String, Error> {
    let Forecast { stages, .. } = acme.pipelines().forecast(pipeline)?;
    let mut board = String::new();
    for column in &stages {
        let query = ListQuery { limit: SHOWN, ..ListQuery::default() }.with("stageId", column.stage.id);
        let deals = acme.deals().list(&query)?;
        let deals = deals.rows.iter().map(|row| row.read()).collect::<Result<Vec<Deal>, _>>()?;
        draw(&mut board, column, &deals).map_err(Error::internal)?;
    }
    Ok(board)
}

fn draw(board: &mut String, column: &StageForecast, deals: &[Deal]) -> fmt::Result {
    writeln!(board, "{} ({} %): {} deals", column.stage.name, column.stage.probability, column.count)?;
    for sum in &column.sums {
        writeln!(board, "  {} {}, likely {}", sum.currency, sum.value, sum.weighted)?;
    }
    for deal in deals {
        writeln!(board, "  - {} for {}", deal.name, deal.company_name.as_deref().unwrap_or("nobody"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_shows_each_column_and_what_it_comes_to() {
        let engine = Engine::new(MemoryStore::new());
        engine.create_tenant(&TenantDraft { slug: "acme".into(), ..TenantDraft::default() }).unwrap();
        let acme = engine.trusted_session("acme", "test").unwrap();
        let pipeline = sell(&acme).unwrap();
        insta::assert_snapshot!(board(&acme, pipeline).unwrap(), @"
        Lead (10 %): 4 deals
          EUR 349.50, likely 34.9500
          USD 12000.30, likely 1200.0300
          - Two looms for Looms Ltd
          - Spare parts for Looms Ltd
          - Maintenance for Looms Ltd
        Qualified (25 %): 0 deals
        Proposal (50 %): 0 deals
        Negotiation (75 %): 0 deals
        Closed Won (100 %): 1 deals
          EUR 1250000.00, likely 1250000.0000
          - A hall of looms for Looms Ltd
        Closed Lost (0 %): 0 deals
        ");
    }
}
