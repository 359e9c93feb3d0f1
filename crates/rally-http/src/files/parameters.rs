//! The parameters of exports and imports.

use rally_core::{Error, ExportOptions, Faults, Format, Guard, ImportOptions, Query, schema::Model};

use crate::{
    config::FileOptions,
    parameters::{Parameters, query},
};

/// The parameters of an export.
#[derive(Debug)]
pub(crate) struct ExportParameters<R> {
    pub(crate) query: Query<R>,
    pub(crate) options: ExportOptions,
}

/// The parameters of an import.
#[derive(Debug)]
pub(crate) struct ImportParameters {
    pub(crate) options: ImportOptions,
    pub(crate) errors: ErrorsAs,
}

/// The form in which refused rows are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorsAs {
    /// The reasons of the first, in the report.
    Report,
    /// All of them as they came, as a file.
    File,
}

/// Reads the parameters of an export: the filters of the model, `q`, `updatedSince`, `fields`, and for CSV `guard` and
/// `bom`.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) with every parameter that is wrong.
pub(crate) fn export<R>(
    mut parameters: Parameters,
    model: &Model,
    format: Format,
    files: &FileOptions,
) -> Result<ExportParameters<R>, Error> {
    let query = query(&mut parameters, model);
    let mut options = ExportOptions::new(format);
    options.temporary_folder.clone_from(&files.temporary_folder);
    let names_some = parameters.text("fields").is_some_and(|list| !list.trim_matches([',', ' ']).is_empty());
    let fields = parameters.fields(model);
    if fields.is_empty() {
        parameters.fault("fields", "names no member, and a file has at least one column");
    }
    options.fields = if names_some { Some(fields) } else { None };
    if format == Format::Csv {
        options.guard = parameters.word("guard").unwrap_or(options.guard);
        options.has_byte_order_mark = parameters.flag("bom");
    }
    parameters.finish()?;
    Ok(ExportParameters { query, options })
}

/// Reads the parameters of an import: `mode`, `key`, `dryRun`, `mapping`, `delimiter`, `charset`, `decimal`, `dateOrder`,
/// `sheet`, `guard` and `errors`.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) with every parameter that is wrong.
pub(crate) fn import(mut parameters: Parameters, files: &FileOptions) -> Result<ImportParameters, Error> {
    let mut options = ImportOptions::new().limits(files.limits.clone());
    options.scratch.clone_from(&files.scratch);
    options.mode = parameters.word("mode").unwrap_or(options.mode);
    options.key = parameters.word("key");
    options.dry_run = parameters.flag("dryRun");
    options.delimiter = delimiter(&mut parameters);
    options.charset = parameters.take("charset");
    options.decimal = parameters.word("decimal").unwrap_or(options.decimal);
    options.date_order = parameters.word("dateOrder");
    options.guard = parameters.word::<Guard>("guard").unwrap_or(options.guard);
    options.sheet = parameters.take("sheet");
    let errors = errors(&mut parameters);
    if let Some(json) = parameters.take("mapping") {
        match options.clone().map_json(&json) {
            Ok(mapped) => options = mapped,
            Err(error) => parameters.add_faults(error.faults()),
        }
    }
    parameters.finish()?;
    Ok(ImportParameters { options, errors })
}

/// Reads the parameters of an import whose refused rows are told in its report.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) with every parameter that is wrong, `errors=file` among them.
pub(crate) fn import_options(parameters: Parameters, files: &FileOptions) -> Result<ImportOptions, Error> {
    let ImportParameters { options, errors } = import(parameters, files)?;
    match errors {
        ErrorsAs::Report => Ok(options),
        ErrorsAs::File => Err(Faults::one("errors", "must be report").into()),
    }
}

/// The delimiter: one character, or `tab`, which is hard to write in a query.
fn delimiter(parameters: &mut Parameters) -> Option<char> {
    let text = parameters.take("delimiter")?;
    let mut characters = text.chars();
    match (text.as_str(), characters.next(), characters.next()) {
        ("tab", ..) => Some('\t'),
        (_, Some(one), None) => Some(one),
        _ => {
            parameters.fault("delimiter", "must be one character, or tab");
            None
        }
    }
}

fn errors(parameters: &mut Parameters) -> ErrorsAs {
    match parameters.take("errors").as_deref() {
        None | Some("report") => ErrorsAs::Report,
        Some("file") => ErrorsAs::File,
        Some(_) => {
            parameters.fault("errors", "must be one of report, file");
            ErrorsAs::Report
        }
    }
}
