use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::http::{Method, StatusCode};
use foldhash::fast::RandomState;
use prometheus::{Histogram, IntCounter};

use super::counters::{Counters, Metrics};

/// The counts of requests, found by the pattern of their path and by their method. Whoever counts a request takes no
/// lock.
#[derive(Debug)]
pub(crate) struct Meters {
    counters: Option<Arc<Counters>>,
    routes: HashMap<String, Methods, RandomState>,
    other: Methods,
}

/// The counts of one route, made when it is first asked for: most routes of most processes never are.
struct Methods {
    route: String,
    meters: OnceLock<Box<[Meter; METHODS.len()]>>,
}

/// The counts of one method of a route, made when they are first needed.
#[derive(Default)]
struct Meter {
    classes: [OnceLock<IntCounter>; CLASSES.len()],
    duration: OnceLock<Histogram>,
}

/// A request that is counted as in flight until this is dropped.
pub(crate) struct Underway<'m> {
    counters: &'m Counters,
    methods: &'m Methods,
    began: Instant,
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The route of a path that none has.
const OTHER: &str = "other";

impl Meters {
    /// The counts of some routes, each by the pattern of its path and the name that it has as a label.
    pub(crate) fn new(metrics: &Metrics, routes: impl Iterator<Item = (String, String)>) -> Self {
        let routes = routes.map(|(pattern, route)| (pattern, Methods::of(route)));
        Self {
            counters: metrics.counters().cloned(),
            routes: routes.collect(),
            other: Methods::of(OTHER.to_owned()),
        }
    }

    /// Counts a request as in flight; `None` if nothing is counted.
    pub(crate) fn begin(&self, pattern: Option<&str>, began: Instant) -> Option<Underway<'_>> {
        let counters = self.counters.as_deref()?;
        let methods = pattern.and_then(|pattern| self.routes.get(pattern)).unwrap_or(&self.other);
        counters.in_flight.inc();
        Some(Underway { counters, methods, began })
    }
}

impl Methods {
    fn of(route: String) -> Self {
        Self { route, meters: OnceLock::new() }
    }
}

impl Underway<'_> {
    /// Counts the answer.
    pub(crate) fn answer(self, method: &Method, status: StatusCode) {
        let Self { counters, methods: Methods { route, meters }, began } = &self;
        let mut known = METHODS.iter().zip(&**meters.get_or_init(Box::default));
        let Some((method, meter)) = known.find(|(name, _)| **name == method.as_str() || **name == OTHER)
        else {
            return;
        };
        let duration = meter.duration.get_or_init(|| counters.durations.with_label_values(&[route, *method]));
        duration.observe(began.elapsed().as_secs_f64());
        let class = usize::from(status.as_u16() / 100).wrapping_sub(1);
        if let Some((class, count)) = CLASSES.iter().zip(&meter.classes).nth(class) {
            count.get_or_init(|| counters.requests.with_label_values(&[route, *method, *class])).inc();
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.counters.in_flight.dec();
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Methods").field("route", &self.route).finish_non_exhaustive()
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}
