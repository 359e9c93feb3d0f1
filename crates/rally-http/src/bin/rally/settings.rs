//! Settings: a flag goes before the environment, that before a file of its own (`RALLY_…_FILE`, or a credential of systemd),
//! and all of these before `rally.toml`. What each may be stands in one place, the arguments of `rally serve`.

mod found;
mod mask;
mod print;

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, builder::ValueRange};

pub(crate) use self::{found::Found, print::print};
use crate::{arguments::Arguments, failure::Failure};

/// The file that is read without having been named.
const USUAL_FILE: &str = "rally.toml";
/// Commands that take all settings.
const ALL: [&[&str]; 3] = [&["serve"], &["config", "print"], &["doctor"]];
/// Settings that other commands on a store take as well.
const OF_STORES: [&str; 6] =
    ["store", "store-connections", "durability", "check", "file-cache", "file-journal"];
/// Settings that the environment may name otherwise, by a name that is a standard's.
const STANDARD_NAMES: [(&str, &str); 2] =
    [("otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"), ("otlp-service-name", "OTEL_SERVICE_NAME")];
/// Arguments that are no settings.
const NO_SETTINGS: [&str; 4] = ["config", "json", "help", "version"];

/// The command that was typed, with the settings that were found for it.
pub(crate) struct Invocation {
    pub(crate) arguments: Arguments,
    pub(crate) matches: ArgMatches,
    pub(crate) found: Found,
}

/// The whole command line, in which each setting can come from the environment.
pub(crate) fn command() -> Command {
    let mut command = Arguments::command().version(crate::version::text());
    for path in ALL {
        command = in_subcommand(command, path, &|command| command.mut_args(from_environment));
    }
    command
}

fn in_subcommand(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        Some((name, rest)) => command.mut_subcommand(*name, |inner| in_subcommand(inner, rest, change)),
        None => change(command),
    }
}

fn from_environment(argument: Arg) -> Arg {
    let Some(name) = argument.get_long().map(str::to_owned) else { return argument };
    if NO_SETTINGS.contains(&name.as_str()) {
        return argument;
    }
    let argument = match argument.get_action() {
        ArgAction::Append => argument.value_delimiter(','),
        ArgAction::SetTrue => argument.value_parser(clap::builder::BoolishValueParser::new()),
        _ => argument,
    };
    if argument.get_env().is_some() { argument } else { argument.env(variable(&name)) }
}

/// The name in the environment of a setting.
fn variable(setting: &str) -> String {
    format!("RALLY_{}", setting.to_uppercase().replace('-', "_"))
}

/// Reads the command line and the settings; ends the process if the former is not right or asks for help.
pub(crate) fn read() -> Result<Invocation, Failure> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let matches = command().get_matches_from(&typed);
    let mut command = command();
    command.build();
    let (leaf, of_leaf, path) = leaf(&command, &matches);
    let found = if takes_settings(leaf) { found::find(leaf, of_leaf, &path)? } else { Found::default() };
    let matches = match found.arguments() {
        more if more.is_empty() => matches,
        more => self::command().try_get_matches_from(typed.into_iter().chain(more)).map_err(|error| {
            let rendered = error.to_string();
            let first = rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Failure::new(format!("{}: {first}", found.places()))
        })?,
    };
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| Failure::new(error.to_string()))?;
    Ok(Invocation { arguments, matches, found })
}

/// The innermost command that was typed, what was typed for it, and its names.
fn leaf<'c>(command: &'c Command, matches: &'c ArgMatches) -> (&'c Command, &'c ArgMatches, Vec<&'c str>) {
    let (mut at, mut path) = ((command, matches), Vec::new());
    while let Some((name, inner)) = at.1.subcommand()
        && let Some(command) = at.0.find_subcommand(name)
    {
        at = (command, inner);
        path.push(name);
    }
    (at.0, at.1, path)
}

fn takes_settings(command: &Command) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some("config"))
}

/// The settings among the arguments of a command, by their names.
fn settings_of<'c>(command: &'c Command, path: &[&str]) -> impl Iterator<Item = (&'c str, &'c Arg)> {
    let takes_all = ALL.contains(&path);
    command.get_arguments().filter_map(move |argument| {
        let name = argument.get_long()?;
        let is_setting = if takes_all { !NO_SETTINGS.contains(&name) } else { OF_STORES.contains(&name) };
        is_setting.then_some((name, argument))
    })
}

fn is_flag(argument: &Arg) -> bool {
    argument.get_num_args().unwrap_or(ValueRange::SINGLE) == ValueRange::EMPTY
        || matches!(argument.get_action(), ArgAction::SetTrue)
}
