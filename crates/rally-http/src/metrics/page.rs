use prometheus::{
    Encoder, TextEncoder,
    proto::{self, LabelPair, MetricFamily, MetricType},
};
use rally_core::{Distribution, Error, Figures, ImportedRows, LastBackup, OutboxFigures, Timestamp, store};

use super::{
    catalog::{self, MetricInfo, MetricKind},
    counters::Counters,
};

/// The type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page of metrics, as it is gathered.
pub(crate) struct Page(Vec<MetricFamily>);

const MILLIS: f64 = 1e3;
const MICROS: f64 = 1e6;

impl Page {
    /// A page of the metrics that are counted when things happen.
    pub(crate) fn of(counters: &Counters, is_ready: bool) -> Self {
        let mut page = Self(counters.gather());
        let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("RALLY_COMMIT"));
        page.put(&catalog::BUILD, [([("version", version), ("commit", commit)].to_vec(), 1.0)]);
        let is_ready = is_ready && !counters.is_stopping();
        page.value(&catalog::READY, f64::from(u8::from(is_ready)));
        page
    }

    pub(crate) fn add_figures(&mut self, figures: &Figures) {
        let Figures { changes, attempts, rows, store } = figures;
        self.value(&catalog::FEED_ENTRIES, number(*changes));
        let outcomes = [
            ("succeeded", attempts.succeeded),
            ("retried", attempts.retried),
            ("given_up", attempts.given_up),
            ("lost", attempts.lost),
        ];
        self.by(&catalog::ATTEMPTS, outcomes);
        self.distribution(&catalog::ATTEMPT_DURATION, &attempts.millis, MILLIS);
        let ImportedRows { created, updated, unchanged, refused } = *rows;
        let rows =
            [("created", created), ("updated", updated), ("unchanged", unchanged), ("refused", refused)];
        self.by(&catalog::IMPORT_ROWS, rows);
        self.add_store(store);
    }

    fn add_store(&mut self, figures: &store::Figures) {
        if let Some(commits) = &figures.commits {
            self.distribution(&catalog::COMMIT_DURATION, &commits.micros, MICROS);
            self.distribution(&catalog::COMMIT_WRITES, &commits.writes, 1.0);
        }
        if let Some(file) = &figures.file {
            self.value(&catalog::FILE_BYTES, number(file.bytes));
            file.live_bytes.iter().for_each(|live| self.value(&catalog::LIVE_BYTES, number(*live)));
            file.free_bytes.iter().for_each(|free| self.value(&catalog::DISK_FREE, number(*free)));
            self.value(&catalog::JOURNAL_BYTES, number(file.journal_bytes));
            self.distribution(&catalog::FOLD_DURATION, &file.fold_micros, MICROS);
            self.value(&catalog::OLDEST_SNAPSHOT, file.oldest_snapshot.as_secs_f64());
        }
        if let Some(pool) = &figures.pool {
            self.value(&catalog::POOL_PLACES, size(pool.places));
            self.value(&catalog::POOL_IN_USE, size(pool.in_use));
            self.value(&catalog::POOL_WAITING, size(pool.waiting));
        }
    }

    pub(crate) fn add_outbox(&mut self, figures: &OutboxFigures, now: Timestamp) {
        let states = [("on", figures.on), ("off", figures.off)];
        self.put(&catalog::HOOKS, states.map(|(state, count)| (vec![("state", state)], size(count))));
        self.value(&catalog::PENDING, size(figures.pending));
        let age =
            figures.oldest.map_or(0, |oldest| now.as_micros().saturating_sub(oldest.as_micros()).max(0));
        self.value(&catalog::OLDEST_PENDING, number(age.unsigned_abs()) / MICROS);
    }

    pub(crate) fn add_backup(&mut self, last: Option<LastBackup>) {
        let made_at = last.map_or(0, |last| last.made_at.as_micros().max(0));
        self.value(&catalog::LAST_BACKUP, number(made_at.unsigned_abs()) / MICROS);
        let is_verified = last.is_some_and(|last| last.is_verified);
        self.value(&catalog::BACKUP_VERIFIED, f64::from(u8::from(is_verified)));
    }

    /// The text of the page, in the order of the names.
    ///
    /// # Errors
    /// An internal one if a metric has no sample, which none may be without.
    pub(crate) fn text(mut self) -> Result<Vec<u8>, Error> {
        self.0.sort_by(|one, other| one.name().cmp(other.name()));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0, &mut text).map_err(Error::internal)?;
        Ok(text)
    }

    fn value(&mut self, info: &MetricInfo, value: f64) {
        self.put(info, [(Vec::new(), value)]);
    }

    /// Puts a count for each value of the one label.
    fn by<const N: usize>(&mut self, info: &MetricInfo, counts: [(&'static str, u64); N]) {
        let label = info.labels.first().copied().unwrap_or_default();
        self.put(info, counts.map(|(value, count)| (vec![(label, value)], number(count))));
    }

    fn put<const N: usize>(&mut self, info: &MetricInfo, samples: [(Vec<(&str, &str)>, f64); N]) {
        let metrics = samples.map(|(labels, value)| {
            let mut metric = proto::Metric::default();
            metric.set_label(labels.into_iter().map(|(name, value)| label(name, value)).collect());
            match info.kind {
                MetricKind::Counter => {
                    let mut counter = proto::Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                }
                MetricKind::Gauge | MetricKind::Histogram => {
                    let mut gauge = proto::Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
            }
            metric
        });
        self.family(info, metrics.into());
    }

    /// Puts a histogram, whose values are so many to the unit of the metric.
    fn distribution(&mut self, info: &MetricInfo, values: &Distribution, to_the_unit: f64) {
        let mut sum = 0_u64;
        let classes = values.bounds.iter().zip(&values.counts).map(|(bound, count)| {
            sum = sum.saturating_add(*count);
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(number(*bound) / to_the_unit);
            bucket.set_cumulative_count(sum);
            bucket
        });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(classes.collect());
        histogram.set_sample_count(values.count());
        histogram.set_sample_sum(number(values.sum) / to_the_unit);
        let mut metric = proto::Metric::default();
        metric.set_histogram(histogram);
        self.family(info, vec![metric]);
    }

    fn family(&mut self, info: &MetricInfo, metrics: Vec<proto::Metric>) {
        let mut family = MetricFamily::default();
        family.set_name(info.name.to_owned());
        family.set_help(info.meaning.to_owned());
        family.set_field_type(match info.kind {
            MetricKind::Counter => MetricType::COUNTER,
            MetricKind::Gauge => MetricType::GAUGE,
            MetricKind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(metrics);
        self.0.push(family);
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

/// A number as Prometheus has all numbers; above 2⁵³ it is rounded.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
const fn number(value: u64) -> f64 {
    value as f64
}

fn size(value: usize) -> f64 {
    number(u64::try_from(value).unwrap_or(u64::MAX))
}
