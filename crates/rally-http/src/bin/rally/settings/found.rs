use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};
use toml::{Table, Value};

use super::{ALL, STANDARD_NAMES, USUAL_FILE, command, is_flag, settings_of, variable};
use crate::failure::Failure;

/// The settings that are neither typed nor in the environment, by their names.
#[derive(Debug, Default)]
pub(crate) struct Found(BTreeMap<String, Setting>);

/// A setting from a file.
#[derive(Debug)]
struct Setting {
    values: Vec<String>,
    is_flag: bool,
    place: Place,
}

/// The place that a setting is from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A variable of the environment that names a file, or that a standard has named.
    Variable(String),
    /// A credential of systemd.
    Credential(String),
    /// The file of all settings.
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Found {
    /// The file that a setting was found in.
    pub(crate) fn place(&self, setting: &str) -> Option<&Place> {
        self.0.get(setting).map(|found| &found.place)
    }

    /// The files that settings were found in.
    pub(crate) fn places(&self) -> String {
        let mut places: Vec<&Place> = self.0.values().map(|found| &found.place).collect();
        places.sort();
        places.dedup();
        places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The settings as they would be typed.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let typed = |(name, setting): (&String, &Setting)| {
            let typed: Vec<OsString> = match setting.values.as_slice() {
                [value] if setting.is_flag && value == "false" => Vec::new(),
                [value] if setting.is_flag && value == "true" => vec![format!("--{name}").into()],
                values => values.iter().map(|value| format!("--{name}={value}").into()).collect(),
            };
            typed
        };
        self.0.iter().flat_map(typed).collect()
    }
}

/// Finds the settings that a command takes and that nobody has given otherwise.
pub(super) fn find(command: &Command, matches: &ArgMatches, path: &[&str]) -> Result<Found, Failure> {
    let file = file(matches)?;
    let mut found = BTreeMap::new();
    for (name, argument) in settings_of(command, path) {
        let is_given = matches!(
            matches.value_source(argument.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        if is_given {
            continue;
        }
        if let Some((values, place)) = value(name, argument, file.as_ref())? {
            found.insert(name.to_owned(), Setting { values, is_flag: is_flag(argument), place });
        }
    }
    Ok(Found(found))
}

type FileOfSettings = (PathBuf, Table);

fn value(
    name: &str,
    argument: &Arg,
    file: Option<&FileOfSettings>,
) -> Result<Option<(Vec<String>, Place)>, Failure> {
    if let Some(found) = by_standard_name(name) {
        return Ok(Some(found));
    }
    let of_environment =
        argument.get_env().map_or_else(|| variable(name), |name| name.to_string_lossy().into());
    let variable = format!("{of_environment}_FILE");
    if let Some(path) = env::var_os(&variable) {
        let text = content(Path::new(&path), &variable)?;
        return Ok(Some((vec![text], Place::Variable(variable))));
    }
    if let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") {
        let path = Path::new(&folder).join(name);
        if path.exists() {
            return Ok(Some((vec![content(&path, name)?], Place::Credential(name.to_owned()))));
        }
    }
    let Some((path, table)) = file else { return Ok(None) };
    let Some(value) = table.get(name) else { return Ok(None) };
    let values = texts(value).ok_or_else(|| {
        Failure::new(format!(
            "{}: {name} must be a text, a number, true, false or a list of these",
            path.display()
        ))
    })?;
    Ok(Some((values, Place::File(path.clone()))))
}

/// The value of a setting under the name of a standard, for which an empty one is none.
fn by_standard_name(name: &str) -> Option<(Vec<String>, Place)> {
    let (_, variable) = STANDARD_NAMES.iter().find(|(setting, _)| *setting == name)?;
    let value = env::var(variable).ok().filter(|value| !value.is_empty())?;
    Some((vec![value], Place::Variable((*variable).to_owned())))
}

/// The content of a file without the end of its last line.
fn content(path: &Path, named_by: &str) -> Result<String, Failure> {
    let read = fs::read_to_string(path);
    let text = read.map_err(|error| Failure::new(format!("{named_by}: {}: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The file of settings that was named, or the usual one if it is there.
fn file(matches: &ArgMatches) -> Result<Option<FileOfSettings>, Failure> {
    let named: Option<&PathBuf> = matches.get_one("config");
    let path = named.cloned().unwrap_or_else(|| USUAL_FILE.into());
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = content(&path, "--config")?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        Failure::new(format!("{}: {}", path.display(), error.to_string().trim().replace('\n', " ")))
    })?;
    check_names(&path, &table)?;
    Ok(Some((path, table)))
}

/// Refuses a name that is no setting, as it may be one with a slip.
fn check_names(path: &Path, table: &Table) -> Result<(), Failure> {
    let command = command();
    let serve = command.find_subcommand("serve").unwrap_or(&command);
    let serve_path = ALL.first().copied().unwrap_or_default();
    let known: Vec<&str> = settings_of(serve, serve_path).map(|(name, _)| name).collect();
    match table.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Failure::new(format!(
            "{}: there is no setting {name:?}; there are {}",
            path.display(),
            known.join(", ")
        ))),
        None => Ok(()),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(is_true) => Some(is_true.to_string()),
        _ => None,
    }
}
