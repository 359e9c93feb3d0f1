//! A sales board on the embedded engine: the columns of a pipeline with the deals in them, their sums in each currency,
//! and what is likely to come of them.
//!
//! ```text
//! cargo run -p sales-board
//! ```

#![expect(clippy::print_stdout, reason = "a board is to be seen")]

use std::fmt::{self, Write};

use rally_core::{
    CompanyDraft, Currency, Deal, DealDraft, Decimal, Engine, Error, Pipeline, Query, Session, StageForecast,
    TenantDraft, store::MemoryStore,
};

/// Names of deals that a column shows.
const SHOWN: usize = 3;

fn main() -> Result<(), Error> {
    let engine = Engine::new(MemoryStore::new());
    let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("sales board")?;
    let sales = acme.pipelines().default()?;
    sell(&acme, &sales)?;
    print!("{}", board(&acme, &sales)?);
    Ok(())
}

/// A week's work, in one transaction: some deals, of which one is won.
fn sell(acme: &Session, sales: &Pipeline) -> Result<(), Error> {
    let (lead, won) = (sales.stage("Lead")?.id, sales.stage("Closed Won")?.id);
    acme.write(|tx| {
        let looms = tx.companies().create(&CompanyDraft::new("Looms Ltd"))?;
        let deal = |name: &str, value: &str, currency: Currency| -> Result<DealDraft, Error> {
            let draft = DealDraft::new(sales.id, lead, name).company_id(looms.id);
            Ok(draft.value(value.parse::<Decimal>()?).currency(currency))
        };
        tx.deals().create(&deal("Two looms", "12000", Currency::USD)?)?;
        tx.deals().create(&deal("Spare parts", "349.50", Currency::EUR)?)?;
        tx.deals().create(&deal("Maintenance", "0.10", Currency::USD)?)?;
        tx.deals().create(&deal("Training", "0.20", Currency::USD)?)?;
        let hall = tx.deals().create(&deal("A hall of looms", "1250000.00", Currency::EUR)?)?;
        tx.deals().move_to(hall.id, won)?;
        Ok(())
    })
}

/// The board of a pipeline: its forecast, and the first deals of each column.
fn board(acme: &Session, sales: &Pipeline) -> Result<String, Error> {
    let mut board = String::new();
    for column in acme.pipelines().forecast(sales.id)?.stages {
        let deals = acme.deals().list(Query::from(Deal::STAGE_ID.is(column.stage.id)).limit(SHOWN))?;
        draw(&mut board, &column, &deals.records).map_err(Error::internal)?;
    }
    Ok(board)
}

fn draw(board: &mut String, column: &StageForecast, deals: &[Deal]) -> fmt::Result {
    let noun = if column.count == 1 { "deal" } else { "deals" };
    writeln!(board, "{} ({} %): {} {noun}", column.stage.name, column.stage.probability, column.count)?;
    for sum in &column.sums {
        writeln!(board, "  {} {}, likely {}", sum.currency, sum.value, sum.weighted)?;
    }
    for deal in deals {
        match &deal.company_name {
            Some(company) => writeln!(board, "  - {} for {company}", deal.name)?,
            None => writeln!(board, "  - {}", deal.name)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_shows_each_column_with_its_deals_and_their_sums() {
        let engine = Engine::new(MemoryStore::new());
        let acme = engine.create_tenant(&TenantDraft::new("acme")).unwrap().trusted_session("test").unwrap();
        let sales = acme.pipelines().default().unwrap();
        sell(&acme, &sales).unwrap();
        insta::assert_snapshot!(board(&acme, &sales).unwrap(), @"
        Lead (10 %): 4 deals
          EUR 349.50, likely 34.9500
          USD 12000.30, likely 1200.0300
          - Two looms for Looms Ltd
          - Spare parts for Looms Ltd
          - Maintenance for Looms Ltd
        Qualified (25 %): 0 deals
        Proposal (50 %): 0 deals
        Negotiation (75 %): 0 deals
        Closed Won (100 %): 1 deal
          EUR 1250000.00, likely 1250000.0000
          - A hall of looms for Looms Ltd
        Closed Lost (0 %): 0 deals
        ");
    }
}
