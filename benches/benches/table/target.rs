use rally_benches::measure::Samples;

/// Target of a row.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    None,
    /// Factor by which it is faster than the baseline that does the same work.
    Times(f64),
    /// Microseconds, at most.
    Micros(f64),
}

impl Target {
    /// The ratios of one subject to both baselines, the first of which does the same work, beside the target; `!` marks
    /// one that is missed.
    pub(crate) fn beside(self, samples: &Samples, [same, bare]: [&Samples; 2]) -> String {
        let [to_same, to_bare] = [same, bare].map(|baseline| samples.ratio_to(baseline));
        let (goal, is_met) = match self {
            Self::None => (String::new(), true),
            Self::Times(times) => (format!("≥ {times}"), to_same >= times),
            Self::Micros(most) => (format!("≤ {most} µs"), samples.median() <= most),
        };
        let mark = if is_met { ' ' } else { '!' };
        format!("{:>26} {to_same:>8.2} {to_bare:>8.2}  {goal:<10}{mark}", samples.show())
    }
}
