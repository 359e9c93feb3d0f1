//! What the deals of a pipeline come to, stage by stage.

use std::{collections::BTreeMap, fmt};

use bigdecimal::{BigDecimal, num_bigint::BigInt};
use serde::{Serialize, Serializer, ser};
use serde_json::value::RawValue;

use super::{
    Pipeline, PipelineStage,
    deals::{CURRENCY, PIPELINE_ID, PROBABILITY, STAGE_ID, VALUE},
};
use crate::{
    base::{Decimal, Error, Id, NotADecimal},
    engine::{Collection, Record, Resource, reference_id, unquote},
};

/// What the deals of a pipeline come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Forecast {
    /// The pipeline.
    pub pipeline_id: Id<Pipeline>,
    /// Its stages in their order, those without deals too.
    pub stages: Vec<StageForecast>,
}

/// What the deals of a stage come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StageForecast {
    /// The stage.
    #[serde(flatten)]
    pub stage: PipelineStage,
    /// How many deals are in it.
    pub count: u64,
    /// What they are worth, by currency in the order of the codes. Deals without a value are counted and no more.
    pub sums: Vec<CurrencySum>,
}

/// What deals of one currency come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CurrencySum {
    /// The currency (ISO 4217).
    pub currency: String,
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

    /// The sum as a decimal, if it has no more digits than one may have.
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

/// What has been added up of a stage.
#[derive(Default)]
struct Tally {
    count: u64,
    /// By currency: the sum of the values, and that of the values times their percentages.
    sums: BTreeMap<String, (Sum, Sum)>,
}

impl Collection<'_, Pipeline> {
    /// What the deals of a pipeline come to at this moment, stage by stage and currency by currency, all digits exact.
    /// It reads all of the pipeline's deals, and no others.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when there is no such pipeline.
    pub fn forecast(&self, id: Id<Pipeline>) -> Result<Forecast, Error> {
        self.session.require(Pipeline::READ)?;
        let snapshot = self.session.snapshot()?;
        let pipeline = self.existing(&*snapshot, id)?;
        let mut tallies: BTreeMap<Id<PipelineStage>, Tally> = BTreeMap::new();
        self.session.deals().each_indexed(&*snapshot, PIPELINE_ID, id.as_uuid(), |deal| {
            let stage = reference_id(deal.slot(STAGE_ID)).map(Id::from_uuid).unwrap_or_default();
            tallies.entry(stage).or_default().add(deal)
        })?;
        let stages = super::pipelines::stages(pipeline.bytes())?;
        let forecast = |stage: PipelineStage| tallies.remove(&stage.id).unwrap_or_default().of(stage);
        Ok(Forecast { pipeline_id: id, stages: stages.into_iter().map(forecast).collect() })
    }
}

impl Tally {
    fn add(&mut self, deal: &Record<'_>) -> Result<(), Error> {
        self.count += 1;
        let text = |slot| std::str::from_utf8(deal.slot(slot)).unwrap_or_default();
        if text(VALUE).is_empty() {
            return Ok(());
        }
        let value: Decimal = text(VALUE).parse().map_err(Error::internal)?;
        let percent: u32 = text(PROBABILITY).parse().map_err(Error::internal)?;
        let (sum, weighted) = self.sums.entry(unquote(deal.slot(CURRENCY))).or_default();
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
