//! A look at everything that an operator should know of: the settings, the clock, the disk, the store, and what is in it.

mod database;
mod records;

use std::time::{Duration, SystemTime};

use rally_core::{Config, Engine, Environment, store::FileFigures};

use crate::{
    arguments::ServeArguments,
    failure::Failure,
    files::temporary_file,
    serve,
    settings::Invocation,
    store::{Location, Need, OpenStore},
    table::{Cell, Form, Table},
    version,
};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Well,
    /// Something that may become a fault.
    Warning,
    /// Something that must be mended.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) of: &'static str,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
}

/// A file that is larger than this, and so many times as large as what is in it, has much that is of no use.
const LARGE_FILE: u64 = 256 << 20;
const MUCH_LARGER: u64 = 4;
/// Free bytes on the disk below which a server gives up its journal, and those below which it soon has none.
const LOW_SPACE: u64 = 256 << 20;
const LITTLE_SPACE: u64 = 2 << 30;

impl Finding {
    pub(super) fn well(of: &'static str, detail: impl Into<String>) -> Self {
        Self { of, verdict: Verdict::Well, detail: detail.into() }
    }

    pub(super) fn warning(of: &'static str, detail: impl Into<String>) -> Self {
        Self { of, verdict: Verdict::Warning, detail: detail.into() }
    }

    pub(super) fn fault(of: &'static str, detail: impl Into<String>) -> Self {
        Self { of, verdict: Verdict::Fault, detail: detail.into() }
    }
}

/// Prints what is found; a fault among it is a failure.
pub(crate) fn examine(invocation: &Invocation, arguments: &ServeArguments) -> Result<(), Failure> {
    let findings = findings(invocation, arguments);
    let form = if arguments.common.json { Form::Json } else { Form::Text };
    let table = Table::begin(form, ["check", "verdict", "detail"])?;
    for finding in &findings {
        table.row([Cell::of(finding.of), Cell::of(finding.verdict.name()), Cell::of(&finding.detail)])?;
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Fault).count() {
        0 => Ok(()),
        1 => Err(Failure::new("there is a fault")),
        faults => Err(Failure::new(format!("there are {faults} faults"))),
    }
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

fn findings(invocation: &Invocation, arguments: &ServeArguments) -> Vec<Finding> {
    let mut findings = vec![
        Finding::well("version", version::text()),
        configuration(invocation, arguments),
        clock(),
        temporary_files(arguments),
    ];
    let opened = match open(arguments) {
        Ok(opened) => opened,
        Err(finding) => {
            findings.push(finding);
            return findings;
        }
    };
    findings.push(Finding::well("store", format!("{} can be opened", opened.place.location)));
    if let Some(file) = opened.store.figures().file {
        findings.extend(file_findings(&file));
    }
    if let Some(database) = &opened.database {
        findings.extend(database::examine(database, arguments.store.store_connections));
    }
    let engine = Engine::with(opened.store, Environment::system(), Config::default());
    findings.extend(records::examine(&engine));
    if let Err(error) = (opened.close)() {
        findings.push(Finding::fault("store", format!("it cannot be closed: {error}")));
    }
    findings
}

fn open(arguments: &ServeArguments) -> Result<OpenStore, Finding> {
    if arguments.store.store == Location::Memory {
        return Err(Finding::well("store", "a store in memory begins empty and has nothing to look at"));
    }
    arguments.store.open(Need::Existing, Box::new(|_| ())).map_err(|failure| {
        let reason = failure.to_string();
        if reason.contains("is in use by another process") {
            let told =
                "a server has the file open; its metrics tell of it, and this command once it is stopped";
            Finding::warning("store", told)
        } else {
            Finding::fault("store", reason)
        }
    })
}

fn configuration(invocation: &Invocation, arguments: &ServeArguments) -> Finding {
    let of = "configuration";
    if let Err(failure) = serve::tls_files(arguments) {
        return Finding::fault(of, failure.to_string());
    }
    if let Some(path) = &arguments.common.webhook_roots
        && let Err(error) = std::fs::read(path)
    {
        return Finding::fault(of, format!("--webhook-roots {}: {error}", path.display()));
    }
    let plain = arguments.tls_cert.is_none() && arguments.common.trusted_proxies.is_empty();
    if plain && !arguments.listen.are_of_this_machine() {
        let told = "other machines reach the server, and neither a certificate nor a proxy is named: keys and passwords \
                    cross the network as they are";
        return Finding::warning(of, told);
    }
    match invocation.found.places() {
        places if places.is_empty() => Finding::well(of, "flags and environment"),
        places => Finding::well(of, format!("flags, environment, {places}")),
    }
}

fn clock() -> Finding {
    /// 2025-01-01, before which this program did not exist.
    const EARLIEST: Duration = Duration::from_secs(1_735_689_600);
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(now) if now >= EARLIEST => Finding::well("clock", "it is later than this program"),
        _ => Finding::fault("clock", "it is years behind; set it, or new records get instants of the past"),
    }
}

/// The place that imports, workbooks and large dry runs need.
fn temporary_files(arguments: &ServeArguments) -> Finding {
    let of = "temporary files";
    match temporary_file(arguments.common.files.temporary_folder()) {
        Ok(_) => Finding::well(of, "they can be made"),
        Err(error) => Finding::fault(
            of,
            format!("none can be made, so imports and workbooks fail: {error}; see --temporary-folder"),
        ),
    }
}

fn file_findings(file: &FileFigures) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mebibytes = |bytes: u64| bytes >> 20;
    if let Some(free) = file.free_bytes {
        let told = format!("{} MiB are free", mebibytes(free));
        findings.push(match free {
            free if free < LOW_SPACE => {
                Finding::fault("disk", format!("{told}; records can soon only be deleted"))
            }
            free if free < LITTLE_SPACE => Finding::warning("disk", told),
            _ => Finding::well("disk", told),
        });
    }
    let bytes = file.bytes;
    findings.push(match file.live_bytes {
        None => Finding::well(
            "file",
            format!("{} MiB; how much of it is of use was not counted", mebibytes(bytes)),
        ),
        Some(live) => {
            let told =
                format!("{} MiB, of which {} MiB are keys and values", mebibytes(bytes), mebibytes(live));
            if bytes > LARGE_FILE && bytes / MUCH_LARGER > live {
                Finding::warning("file", format!("{told}; `rally compact` gives the rest back"))
            } else {
                Finding::well("file", told)
            }
        }
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(bytes: u64, live: Option<u64>, free: Option<u64>) -> Vec<(&'static str, Verdict)> {
        let file = FileFigures { bytes, live_bytes: live, free_bytes: free, ..FileFigures::default() };
        file_findings(&file).iter().map(|finding| (finding.of, finding.verdict)).collect()
    }

    #[test]
    fn a_full_disk_is_a_fault_and_a_file_with_little_in_it_a_warning() {
        use Verdict::{Fault, Warning, Well};
        assert_eq!(verdicts(1 << 30, Some(1 << 29), Some(1 << 40)), [("disk", Well), ("file", Well)]);
        assert_eq!(verdicts(1 << 30, Some(1 << 20), Some(1 << 30)), [("disk", Warning), ("file", Warning)]);
        assert_eq!(verdicts(1 << 20, Some(1), Some(1 << 20)), [("disk", Fault), ("file", Well)]);
        assert_eq!(verdicts(1 << 30, None, None), [("file", Well)]);
    }
}
