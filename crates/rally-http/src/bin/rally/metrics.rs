//! The metrics that a server shows, for people.

use rally_http::MetricInfo;

use crate::{
    arguments::MetricsArguments,
    failure::Failure,
    table::{Cell, Form, Table},
};

pub(crate) fn list(arguments: &MetricsArguments) -> Result<(), Failure> {
    let form = if arguments.json { Form::Json } else { Form::Text };
    let table = Table::begin(form, ["name", "type", "labels", "meaning"])?;
    MetricInfo::ALL.iter().try_for_each(|metric| {
        table.row([
            Cell::of(metric.name),
            Cell::of(metric.kind.name()),
            Cell::of(metric.labels.join(",")),
            Cell::of(metric.meaning),
        ])
    })
}
