//! The forecast of a pipeline: the sums of its deals, stage by stage.

use std::{collections::BTreeMap, fmt};

use bigdecimal::{BigDecimal, num_bigint::BigInt};
use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;

use super::{
    Pipeline, PipelineStage,
    deals::{CURRENCY, PIPELINE_ID, PROBABILITY, STAGE_ID, VALUE},
};
use crate::{
    base::{Currency, Decimal, Error, Id, NotADecimal},
    engine::{
        schema::{IndexNumber, Record, read_stored, reference_id},
        session::{Collection, View, ViewCollection},
    },
    store::StoreError,
};

/// The forecast of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Forecast {
    /// The pipeline.
    pub pipeline_id: Id<Pipeline>,
    /// Its stages in their order, including those without deals.
    pub stages: Vec<StageForecast>,
}

/// The sums of the deals of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StageForecast {
    /// The stage.
    #[serde(flatten)]
    pub stage: PipelineStage,
    /// The number of deals in it.
    pub count: u64,
    /// Sums of their values, by currency in the order of the codes. Deals without a value are only counted.
    pub sums: Vec<CurrencySum>,
}

/// The sums of deals of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CurrencySum {
    /// The currency.
    pub currency: Currency,
    /// The sum of the values.
    pub value: Sum,
    /// The sum of each value times its deal's probability.
    pub weighted: Sum,
}

/// An exact sum of decimals, which may have more digits than any of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum(BigDecimal);

impl Sum {
    fn add(&mut self, value: Decimal, times: u32) {
        let value = rust_decimal::Decimal::from(value);
        let mantissa = BigInt::from(value.mantissa()) * times;
        self.0 += BigDecimal::new(mantissa, value.scale().into());
    }

    /// The sum of percentages as the sum of shares.
    fn hundredth(&self) -> Self {
        let (digits, scale) = self.0.as_bigint_and_exponent();
        Self(BigDecimal::new(digits, scale + 2))
    }
}

impl TryFrom<&Sum> for Decimal {
    type Error = NotADecimal;

    /// Converts the sum to a decimal, if it has at most as many digits as a decimal may have.
    fn try_from(sum: &Sum) -> Result<Self, NotADecimal> {
        sum.to_string().parse()
    }
}

impl fmt::Display for Sum {
    /// All digits, without an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

impl Serialize for Sum {
    /// As a JSON number of exactly these digits; `serde_json` alone can do that.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

/// The deals of a stage that have been added up.
#[derive(Default)]
struct Tally {
    count: u64,
    /// By currency: the sum of the values, and that of the values times their percentages.
    sums: BTreeMap<Currency, (Sum, Sum)>,
}

impl Collection<'_, Pipeline> {
    /// The forecast of a pipeline at this moment, stage by stage and currency by currency, all digits exact. It reads all
    /// of the pipeline's deals, and no others.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let sales = acme.pipelines().default()?;
    /// let deal = DealDraft::new(sales.id, sales.stage("Lead")?.id, "Two looms");
    /// acme.deals().create(&deal.value("12000.50".parse::<Decimal>()?))?;
    /// let forecast = acme.pipelines().forecast(sales.id)?;
    /// assert_eq!(forecast.stages[0].sums[0].weighted.to_string(), "1200.0500");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when there is no such pipeline.
    pub fn forecast(&self, id: Id<Pipeline>) -> Result<Forecast, Error> {
        let view = self.session.view()?;
        view.pipelines().forecast(&view, id)
    }
}

impl ViewCollection<'_, Pipeline> {
    fn forecast(&self, view: &View<'_>, id: Id<Pipeline>) -> Result<Forecast, Error> {
        let pipeline = self.get(id)?;
        let mut tallies: BTreeMap<Id<PipelineStage>, Tally> = BTreeMap::new();
        view.deals().each_indexed(IndexNumber::of(PIPELINE_ID), id.as_uuid(), |deal| {
            let damaged = || StoreError::Corrupt { what: "a deal without a stage".to_owned() };
            let stage = Id::from_uuid(reference_id(deal.slot(STAGE_ID))?.ok_or_else(damaged)?);
            tallies.entry(stage).or_default().add(deal)
        })?;
        let mut forecast = |stage: PipelineStage| match tallies.remove(&stage.id) {
            Some(tally) => tally.of(stage),
            None => Tally::default().of(stage),
        };
        Ok(Forecast { pipeline_id: id, stages: pipeline.stages.into_iter().map(&mut forecast).collect() })
    }
}

impl Tally {
    fn add(&mut self, deal: &Record<'_>) -> Result<(), Error> {
        self.count += 1;
        if deal.slot(VALUE).is_empty() {
            return Ok(());
        }
        let value: Decimal = read_stored(deal.slot(VALUE), "a deal's value")?;
        let percent: u32 = read_stored(deal.slot(PROBABILITY), "a deal's probability")?;
        let currency = read_stored(deal.slot(CURRENCY), "a deal's currency")?;
        let (sum, weighted) = self.sums.entry(currency).or_default();
        sum.add(value, 1);
        weighted.add(value, percent);
        Ok(())
    }

    fn of(self, stage: PipelineStage) -> StageForecast {
        let sums = self.sums.into_iter().map(|(currency, (value, weighted))| CurrencySum {
            currency,
            value,
            weighted: weighted.hundredth(),
        });
        StageForecast { stage, count: self.count, sums: sums.collect() }
    }
}
