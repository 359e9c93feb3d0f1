use std::{fmt, future::Future, pin::Pin};

use crate::{arguments::StoreKind, ground::Ground};

/// One attack.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// Sentence of what is done.
    pub(crate) what: &'static str,
    /// 1 connections, 2 fairness, 3 callers, 4 files, 5 stopping and logs, 6 PostgreSQL.
    pub(crate) section: u8,
    pub(crate) on: On,
    pub(crate) run: for<'a> fn(&'a Ground) -> Running<'a>,
}

/// An attack that is being made.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// The figures of an attack, unless it stopped.
pub(crate) type Outcome = Result<Vec<Figure>, Stop>;

/// The stores that an attack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Both,
    Redb,
    Postgres,
}

/// One number that an attack comes to.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
    pub(crate) note: String,
}

/// The values that a figure should have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    Any,
    AtMost(f64),
    AtLeast(f64),
    OneOf(&'static [f64]),
}

/// The reason that an attack has no figures.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The program or the machine lacks what it needs.
    NotThere(String),
    Failed(String),
}

impl On {
    pub(crate) fn is_for(self, store: StoreKind) -> bool {
        match self {
            On::Both => true,
            On::Redb => store == StoreKind::Redb,
            On::Postgres => store == StoreKind::Postgres,
        }
    }
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, bound: Bound::Any, note: String::new() }
    }

    pub(crate) fn count(what: impl Into<String>, value: usize, unit: &'static str) -> Self {
        Self::new(what, number(value), unit)
    }

    pub(crate) fn at_most(self, bound: f64) -> Self {
        Self { bound: Bound::AtMost(bound), ..self }
    }

    pub(crate) fn at_least(self, bound: f64) -> Self {
        Self { bound: Bound::AtLeast(bound), ..self }
    }

    pub(crate) fn one_of(self, values: &'static [f64]) -> Self {
        Self { bound: Bound::OneOf(values), ..self }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// True if the figure keeps its bound; `None` if it has none.
    pub(crate) fn is_met(&self) -> Option<bool> {
        match self.bound {
            Bound::Any => None,
            Bound::AtMost(most) => Some(self.value <= most),
            Bound::AtLeast(least) => Some(self.value >= least),
            Bound::OneOf(values) => Some(values.contains(&self.value)),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Any => Ok(()),
            Bound::AtMost(most) => write!(f, "≤ {}", show(*most)),
            Bound::AtLeast(least) => write!(f, "≥ {}", show(*least)),
            Bound::OneOf(values) => {
                let values: Vec<String> = values.iter().map(|value| show(*value)).collect();
                f.write_str(&values.join(" or "))
            }
        }
    }
}

impl Stop {
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Stop::Failed(reason.into())
    }

    pub(crate) fn not_there(reason: impl Into<String>) -> Self {
        Stop::NotThere(reason.into())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::NotThere(what) => write!(f, "not there: {what}"),
            Stop::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.to_string())
    }
}

/// A count as a figure.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// A figure with as many digits as matter.
pub(crate) fn show(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
