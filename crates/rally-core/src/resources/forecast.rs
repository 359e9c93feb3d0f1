//! The forecast of a pipeline: the sums of its deals, stage by stage.

use std::fmt;

use bigdecimal::{BigDecimal, num_bigint::BigInt};
use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Pipeline, PipelineStage};
use crate::{
    base::{Currency, Decimal, Error, Id, NotADecimal},
    engine::{
        keys::{self, SumName},
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
    /// Adds a number, given in units of its last digit. The sum has as many digits behind the point as the one of its parts
    /// that has the most, zeros included.
    fn add(&mut self, number: i128, scale: u32) {
        let sum = BigDecimal::new(BigInt::from(number), scale.into());
        let scale = i64::from(scale).max(self.0.fractional_digit_count());
        let (own, _) = self.0.with_scale(scale).into_bigint_and_exponent();
        let (more, _) = sum.with_scale(scale).into_bigint_and_exponent();
        self.0 = BigDecimal::new(own + more, scale);
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

impl Collection<'_, Pipeline> {
    /// The forecast of a pipeline at this moment, stage by stage and currency by currency, all digits exact. It reads sums
    /// that are kept with the deals, and no deals, so it costs the same however many there are.
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
        let stages = self.get(id)?.stages;
        let ids: Vec<Uuid> = stages.iter().map(|stage| stage.id.as_uuid()).collect();
        let mut stages: Vec<StageForecast> =
            stages.into_iter().map(|stage| StageForecast { stage, count: 0, sums: Vec::new() }).collect();
        // The sums of a stage come one after the other, those of a currency too.
        for (name, sum) in view.deals().sums_of(&ids)? {
            let forecast = stages.iter_mut().find(|forecast| forecast.stage.id.as_uuid() == name.group);
            let forecast =
                forecast.ok_or_else(|| Error::internal("a sum of a stage that was not asked for"))?;
            forecast.add(&name, &sum)?;
        }
        Ok(Forecast { pipeline_id: id, stages })
    }
}

impl StageForecast {
    fn add(&mut self, name: &SumName, sum: &keys::Sum) -> Result<(), Error> {
        self.count += u64::try_from(sum.count).map_err(Error::internal)?;
        let Some(unit) = &name.unit else { return Ok(()) };
        let damaged = |_| StoreError::Corrupt { what: "the currency of a sum".to_owned() };
        let currency: Currency = unit.parse().map_err(damaged)?;
        if self.sums.last().is_none_or(|last| last.currency != currency) {
            self.sums.push(CurrencySum { currency, value: Sum::default(), weighted: Sum::default() });
        }
        if let Some(last) = self.sums.last_mut() {
            last.value.add(sum.value, name.scale);
            // The weights are percentages.
            last.weighted.add(sum.weighted, name.scale + 2);
        }
        Ok(())
    }
}
