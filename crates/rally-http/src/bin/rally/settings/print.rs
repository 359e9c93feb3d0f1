use clap::{Arg, ArgMatches, parser::ValueSource};

use super::{Invocation, command, is_flag, leaf, mask, settings_of};
use crate::{
    failure::Failure,
    table::{Cell, Form, Table},
};

/// Prints each setting with its value and its origin.
pub(crate) fn print(invocation: &Invocation, form: Form) -> Result<(), Failure> {
    let mut command = command();
    command.build();
    let (leaf, matches, path) = leaf(&command, &invocation.matches);
    let table = Table::begin(form, ["setting", "value", "origin"])?;
    for (name, argument) in settings_of(leaf, &path) {
        let value = shown(name, argument, matches);
        let row =
            [Cell::of(name), Cell::or(value, "-"), Cell::of(origin(name, argument, matches, invocation))];
        table.row(row)?;
    }
    Ok(())
}

fn shown(name: &str, argument: &Arg, matches: &ArgMatches) -> Option<String> {
    let id = argument.get_id().as_str();
    if is_flag(argument) {
        return Some(matches.get_flag(id).to_string());
    }
    let values = matches.get_raw(id)?.map(|value| value.to_string_lossy().into_owned());
    let masked =
        |value: String| if ["store", "otlp-endpoint"].contains(&name) { mask::url(&value) } else { value };
    Some(values.map(masked).collect::<Vec<_>>().join(","))
}

fn origin(name: &str, argument: &Arg, matches: &ArgMatches, invocation: &Invocation) -> String {
    if let Some(place) = invocation.found.place(name) {
        return place.to_string();
    }
    match (matches.value_source(argument.get_id().as_str()), argument.get_env()) {
        (Some(ValueSource::CommandLine), _) => format!("--{name}"),
        (Some(ValueSource::EnvVariable), Some(variable)) => variable.to_string_lossy().into_owned(),
        _ => "default".to_owned(),
    }
}
