use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use rally_core::{DateOrder, DecimalMark, Format, ImportKey, ImportMode, Timestamp};

use crate::{
    arguments::StoreArguments,
    client::{RootsArguments, ServerUrl},
};

/// The records that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Records {
    Contacts,
    Companies,
    Deals,
    Activities,
}

impl Records {
    /// The name in paths.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Records::Contacts => "contacts",
            Records::Companies => "companies",
            Records::Deals => "deals",
            Records::Activities => "activities",
        }
    }
}

/// The place of the records: a store, or a server.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// The tenant
    #[arg(long, value_name = "SLUG")]
    pub(crate) tenant: String,
    /// A server that does it, in place of a store: the only way while a server has the file
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<ServerUrl>,
    #[command(flatten)]
    pub(crate) roots: RootsArguments,
    /// A key of the tenant on that server, with the scope write for an import; better given as RALLY_API_KEY, as others may
    /// see what a program is started with
    #[arg(long, value_name = "KEY", env = "RALLY_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// Files of records that come in.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The records that the file has
    pub(crate) records: Records,
    /// The file: CSV of any program, or a workbook (.xlsx); - for standard input. A store takes one of any size, a server
    /// one of 64 MiB
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// Change nothing, and tell what an import would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The treatment of rows: create, update or upsert
    #[arg(long, default_value = "create")]
    pub(crate) mode: ImportMode,
    /// The column by which a row finds its record: id, email, domain or name
    #[arg(long)]
    pub(crate) key: Option<ImportKey>,
    /// A column and the member that it is for, as in Kundenname=lastName. May be repeated
    #[arg(long = "map", value_name = "COLUMN=MEMBER")]
    pub(crate) mapping: Vec<Assignment>,
    /// A column that is not read. May be repeated
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ignore: Vec<String>,
    /// The character between values, or tab; found by the header row unless it is given
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub(crate) delimiter: Option<char>,
    /// The charset, such as utf-16le; found by the bytes unless it is given
    #[arg(long, value_name = "LABEL")]
    pub(crate) charset: Option<String>,
    /// The mark between the whole and the fraction of a number: . or ,
    #[arg(long, value_name = "MARK", default_value = ".")]
    pub(crate) decimal: DecimalMark,
    /// The order of day, month and year in dates such as 03/04/2025: dmy, mdy or ymd
    #[arg(long, value_name = "ORDER")]
    pub(crate) date_order: Option<DateOrder>,
    /// The sheet of a workbook; the first unless it is given
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// Read a ' in front of what would be a formula as it is
    #[arg(long)]
    pub(crate) no_guard: bool,
    /// A file for the refused rows as they came, with the reasons, to be mended and imported again
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,
    /// A key under which each row is imported once: the same command goes on where it has stopped
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Files of records that go out.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The records that the file gets
    pub(crate) records: Records,
    /// The file, which is there once it is whole; - for standard output
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// The format: csv or xlsx; that of the file's name unless it is given
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Only these members, separated by commas
    #[arg(long, value_name = "MEMBERS")]
    pub(crate) fields: Option<String>,
    /// Only records with this value of a member, as in lifecycleStage=customer. May be repeated
    #[arg(long = "filter", value_name = "MEMBER=VALUE")]
    pub(crate) filters: Vec<Assignment>,
    /// Only records with a name that begins with this
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only records that changed after this instant
    #[arg(long, value_name = "INSTANT")]
    pub(crate) updated_since: Option<Timestamp>,
    /// Write text that a spreadsheet program would take for a formula as it is
    #[arg(long)]
    pub(crate) no_guard: bool,
    /// Begin a CSV file with a byte order mark, by which Excel tells UTF-8
    #[arg(long)]
    pub(crate) bom: bool,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        // Names of columns may have the sign, and those of members do not.
        let (name, value) = text.rsplit_once('=').ok_or("must be a name and a value with = between them")?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

fn delimiter(text: &str) -> Result<char, &'static str> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab", ..) => Ok('\t'),
        (_, Some(one), None) => Ok(one),
        _ => Err("must be one character, or tab"),
    }
}
