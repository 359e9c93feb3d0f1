//! Files over a server's API.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
};

use axum::{
    body::Bytes,
    http::{Method, header},
};
use futures_util::stream;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rally_core::{ErrorFile, Format, ImportWatch, RefusedRow};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    arguments::{ExportArguments, ImportArguments},
    export::Output,
    import::{create, finish, unread, unwritten},
    meter::{Meter, Told},
};
use crate::{client::Client, failure::Failure};

/// Bytes that are read of a file at once.
const PIECE: u64 = 64 << 10;

/// The first bytes of a workbook.
const ARCHIVE: &[u8] = b"PK";

/// A query that grows.
#[derive(Default)]
struct Parameters(String);

impl Parameters {
    fn add(&mut self, name: &str, value: impl AsRef<str>) {
        let between = if self.0.is_empty() { '?' } else { '&' };
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        self.0 += &format!("{between}{}={}", encoded(name), encoded(value.as_ref()));
    }

    fn add_if(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

/// A line of an import that tells how it goes on. Which members it has follows from its type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    columns: Vec<String>,
    rows: u64,
    refused: u64,
    row: u64,
    code: String,
    error: String,
    cells: Vec<String>,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// Sends a file to a server, and answers the report as JSON.
pub(crate) async fn import(arguments: &ImportArguments, mut file: File) -> Result<String, Failure> {
    let client = client(arguments.place.client().await?)?;
    let kind = kind(&mut file).map_err(|error| unreadable(&error))?;
    let path = format!("/importexport/{}/import{}", arguments.records.noun(), import_parameters(arguments).0);
    let mut request = client.begin(Method::POST, &path);
    request = request.header(header::CONTENT_TYPE, kind).header(header::ACCEPT, "application/x-ndjson");
    if let Some(key) = &arguments.idempotency_key {
        request = request.header("Idempotency-Key", key);
    }
    if let Ok(metadata) = file.metadata() {
        request = request.header(header::CONTENT_LENGTH, metadata.len());
    }
    let body = BodyExt::boxed_unsync(StreamBody::new(pieces(file)));
    let request =
        request.body(body).map_err(|_| Failure::new("the key holds characters that no header has"))?;
    let mut body = client.stream(request).await?;
    let mut listener = Listener::begin(arguments)?;
    let mut rest = Vec::new();
    while let Some(bytes) = next(&mut body).await? {
        rest.extend_from_slice(&bytes);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            listener.hear(&line)?;
        }
    }
    listener.end()
}

/// Reads a file of a server.
pub(crate) async fn export(arguments: &ExportArguments, output: &mut Output) -> Result<(), Failure> {
    let client = client(arguments.place.client().await?)?;
    let act = if arguments.format() == Format::Xlsx { "export/excel" } else { "export" };
    let query = export_parameters(arguments).0;
    let path = format!("/importexport/{}/{act}{query}", arguments.records.noun());
    let request = client.begin(Method::GET, &path).body(Empty::<Bytes>::new());
    let request = request.map_err(|_| Failure::new("the API key holds characters that no key has"))?;
    let mut body = client.stream(request).await?;
    while let Some(bytes) = next(&mut body).await? {
        output.write_all(&bytes).map_err(|error| Failure::new(format!("cannot write the file: {error}")))?;
    }
    Ok(())
}

fn client(client: Option<Client>) -> Result<Client, Failure> {
    client.ok_or_else(|| Failure::new("name a server with --url"))
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::new(format!("the server has broken off: {error}")))?;
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(format!("the file cannot be read: {error}"))
}

/// The type of a file, by its first bytes.
fn kind(file: &mut File) -> io::Result<&'static str> {
    let mut start = Vec::new();
    file.take(2).read_to_end(&mut start)?;
    file.rewind()?;
    let workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(if start == ARCHIVE { workbook } else { "text/csv" })
}

/// The bytes of a file, piece by piece.
fn pieces(file: File) -> impl futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::try_unfold(file, async |mut file: File| {
        let mut piece = Vec::new();
        Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece)?;
        Ok(if piece.is_empty() { None } else { Some((Frame::data(Bytes::from(piece)), file)) })
    })
}

fn import_parameters(arguments: &ImportArguments) -> Parameters {
    let mut all = Parameters::default();
    all.add("mode", arguments.mode.as_str());
    all.add_if("key", arguments.key.map(rally_core::ImportKey::as_str));
    all.add("dryRun", arguments.dry_run.to_string());
    all.add_if("delimiter", arguments.delimiter.map(String::from));
    all.add_if("charset", arguments.charset.as_ref());
    all.add("decimal", arguments.decimal.as_str());
    all.add_if("dateOrder", arguments.date_order.map(rally_core::DateOrder::as_str));
    all.add_if("sheet", arguments.sheet.as_ref());
    all.add("guard", if arguments.no_guard { "off" } else { "on" });
    all.add_if("errors", arguments.errors.as_ref().map(|_| "file"));
    let named = arguments.mapping.iter().map(|map| (map.name.clone(), Value::from(map.value.as_str())));
    let ignored = arguments.ignore.iter().map(|column| (column.clone(), Value::Null));
    let mut mapping = Map::new();
    mapping.extend(named.chain(ignored));
    if !mapping.is_empty() {
        all.add("mapping", Value::from(mapping).to_string());
    }
    all
}

fn export_parameters(arguments: &ExportArguments) -> Parameters {
    let mut all = Parameters::default();
    for filter in &arguments.filters {
        all.add(&filter.name, &filter.value);
    }
    all.add_if("q", arguments.search.as_ref());
    all.add_if("updatedSince", arguments.updated_since.map(|instant| instant.to_string()));
    all.add_if("fields", arguments.fields.as_ref());
    if arguments.format() == Format::Csv {
        all.add("guard", if arguments.no_guard { "off" } else { "on" });
        all.add("bom", arguments.bom.to_string());
    }
    all
}

/// Hears the lines of an import.
struct Listener {
    meter: Meter,
    refused: Option<ErrorFile<BufWriter<File>>>,
    rows: u64,
    report: Option<String>,
}

impl Listener {
    fn begin(arguments: &ImportArguments) -> Result<Self, Failure> {
        let refused = arguments.errors.as_deref().map(create).transpose()?;
        let refused = refused.map(|file| ErrorFile::new(BufWriter::new(file)));
        Ok(Self { meter: Meter::begin(0), refused, rows: 0, report: None })
    }

    fn hear(&mut self, line: &[u8]) -> Result<(), Failure> {
        let text = std::str::from_utf8(line).unwrap_or_default().trim();
        let line: Line = serde_json::from_str(text).map_err(unread)?;
        match line.kind.as_str() {
            "columns" => self.write(|file| file.began(&line.columns)),
            "refused" => {
                let row = RefusedRow::new(line.row, &line.code, &line.error, &line.cells);
                self.write(|file| file.refused(&row))
            }
            "progress" => {
                self.rows = line.rows;
                self.meter.tell(Told { rows: line.rows, refused: Some(line.refused), bytes: 0 });
                Ok(())
            }
            "report" => {
                self.report = Some(report(text)?);
                Ok(())
            }
            _ => Err(self.failure(&line)),
        }
    }

    fn failure(&self, line: &Line) -> Failure {
        let problem = line.problem.as_ref().map_or("the server answers otherwise", |told| &told.detail);
        Failure::new(problem).behind(self.rows)
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut ErrorFile<BufWriter<File>>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let Some(file) = &mut self.refused else { return Ok(()) };
        write(file).map_err(|error| unwritten(&error))
    }

    fn end(self) -> Result<String, Failure> {
        self.meter.end();
        self.refused.map_or(Ok(()), finish)?;
        let missing = || Failure::new("the server has broken off").behind(self.rows);
        self.report.ok_or_else(missing)
    }
}

/// The report, without what its line has besides.
fn report(line: &str) -> Result<String, Failure> {
    let mut report: Map<String, Value> = serde_json::from_str(line).map_err(unread)?;
    report.remove("type");
    report.remove("replayed");
    Ok(Value::from(report).to_string())
}
