use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use rally_core::{
    Collection, Error, ExportOptions, Faults, Filter, Format, Profile, Query, Session,
    schema::{Fields, Search, Tabular},
};
use tempfile::NamedTempFile;

use super::{
    arguments::{ExportArguments, Records},
    meter::{Meter, Told},
    remote,
};
use crate::{failure::Failure, webhooks::runtime};

pub(crate) fn export(arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    let mut output = Output::of(&arguments.file)?;
    match &arguments.place.url {
        Some(_) => runtime()?.block_on(remote::export(arguments, &mut output))?,
        None => on_store(arguments, &mut output)?,
    }
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

impl ExportArguments {
    /// The format: that which is named, or that of the file's name.
    pub(crate) fn format(&self) -> Format {
        let is_workbook = self.file.extension().is_some_and(|end| end.eq_ignore_ascii_case("xlsx"));
        self.format.unwrap_or(if is_workbook { Format::Xlsx } else { Format::Csv })
    }
}

/// The place of an export: a file, which gets its name once it is whole, or standard output.
pub(crate) enum Output {
    File { written: BufWriter<NamedTempFile>, path: PathBuf },
    Standard(BufWriter<io::Stdout>),
}

impl Output {
    fn of(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Standard(BufWriter::new(io::stdout())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let written = NamedTempFile::new_in(folder).map_err(|error| failed(path, &error))?;
        Ok(Self::File { written: BufWriter::new(written), path: path.to_owned() })
    }

    fn finish(self) -> Result<(), Failure> {
        let (written, path) = match self {
            Self::Standard(mut output) => {
                return output.flush().map_err(|error| failed(Path::new("-"), &error));
            }
            Self::File { written, path } => (written, path),
        };
        let written = written.into_inner().map_err(|error| failed(&path, error.error()))?;
        let file: File = written.persist(&path).map_err(|error| failed(&path, &error.error))?;
        file.sync_all().map_err(|error| failed(&path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { written, .. } => written.write(bytes),
            Self::Standard(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { written, .. } => written.flush(),
            Self::Standard(output) => output.flush(),
        }
    }
}

fn on_store(arguments: &ExportArguments, output: &mut Output) -> Result<(), Failure> {
    arguments.place.on_store("rally export", |session| {
        let written = match arguments.records {
            Records::Contacts => write(session, session.contacts(), arguments, output),
            Records::Companies => write(session, session.companies(), arguments, output),
            Records::Deals => write(session, session.deals(), arguments, output),
            Records::Activities => write(session, session.activities(), arguments, output),
        };
        written.map_err(Failure::from)
    })
}

fn write<R: Tabular>(
    session: &Session,
    records: Collection<'_, R>,
    arguments: &ExportArguments,
    output: &mut Output,
) -> Result<(), Error> {
    let model = session.tenant().model::<R>();
    let mut filter = Filter::all();
    for asked in &arguments.filters {
        if !model.filters().any(|(name, _)| name == asked.name) {
            let known = model.filters().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            return Err(Faults::one(&asked.name, format!("is no filter here; use {known}")).into());
        }
        filter = filter.and(Filter::parse(model, &asked.name, &asked.value)?);
    }
    let search = arguments.search.as_deref().map(Search::parse).transpose()?.flatten();
    let query = Query { filter, search, updated_since: arguments.updated_since };
    let mut options = ExportOptions::new(arguments.format());
    options.has_byte_order_mark = arguments.bom;
    options = if arguments.no_guard { options.without_guard() } else { options };
    if let Some(list) = &arguments.fields {
        // Named by a person, who is told of a slip.
        options = options.fields(Fields::parse(model, list, Profile::Strict)?);
    }
    let mut meter = Meter::begin(0);
    let mut told = |rows| meter.tell(Told { rows, refused: None, bytes: 0 });
    let written = records.export_with(output, &options, query, &mut told);
    meter.end();
    written.map(drop)
}
