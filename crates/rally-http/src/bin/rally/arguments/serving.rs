//! The settings of a server, and those of the store that it or a command works on.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;
use rally_core::CourierLimits;
use rally_http::{FileOptions, testing::StartClock};

use crate::{files::scratch, listen::Addresses, log::Levels, store::Location, table::Form};

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Address or name, and port, to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", env = "RALLY_LISTEN")]
    pub(crate) listen: Addresses,
    /// Serve the console at /console: pages to see and steer a tenant with, in a browser
    #[arg(long)]
    pub(crate) console: bool,
    /// Let webhooks be sent to this machine, by http too; never where tenants are strangers
    #[arg(long)]
    pub(crate) webhook_allow_loopback: bool,
    /// A file with the server's certificate and those that vouch for it, in PEM form; connections are secure then. It is
    /// read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A file with the key of the certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Seconds for which a server that is asked to end (SIGTERM) still takes requests, with /readyz at 503, so that a load
    /// balancer sees it; an interrupt (SIGINT) is not delayed
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=3_600))]
    pub(crate) drain_delay: u32,
    /// The folder that admin keys of tenants which this start makes are written to, each as SLUG.key, instead of being
    /// printed: right where what is printed ends in a log
    #[arg(long, value_name = "FOLDER")]
    pub(crate) key_folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) traces: TraceArguments,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

#[derive(Debug, Args)]
pub(crate) struct FakeArguments {
    /// Address of this machine or localhost, and port, to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: Addresses,
    /// Listen on an address that other machines reach, which a fake refuses otherwise
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Do without the console at /console, which a fake has otherwise
    #[arg(long)]
    pub(crate) no_console: bool,
    /// End once standard input ends, so that a fake does not outlive the test that has started it
    #[arg(long)]
    pub(crate) exit_with_stdin: bool,
    /// A number that ids, keys and secrets follow from, so that each run has the same
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The clock that tenants begin with: real, or an instant to stand still at. With --seed it stands still at 2025-01-01
    /// unless this says otherwise, as ids hold instants
    #[arg(long, value_name = "real|INSTANT", value_parser = crate::fake::start_clock)]
    pub(crate) clock: Option<StartClock>,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CommonArguments {
    /// A tenant that there must be; one that is missing is created and its admin key told, once. May be repeated
    #[arg(long = "tenant", value_name = "SLUG")]
    pub(crate) tenants: Vec<String>,
    /// Hosts below this one name their tenant by their first label, as acme.localhost does. May be repeated
    #[arg(long = "host-suffix", value_name = "HOST", default_value = "localhost", value_parser = host_name)]
    pub(crate) host_suffixes: Vec<String>,
    /// An origin whose pages may call the API from a browser, such as `https://app.example`. May be repeated
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = origin)]
    pub(crate) cors_origins: Vec<String>,
    /// A proxy, or a network of them, whose X-Forwarded-For, Forwarded and the like are believed, such as 10.0.0.0/8. May
    /// be repeated; without any, the address that a connection comes from is the client's. How many connections one address
    /// may have does not apply to it
    #[arg(long = "trusted-proxy", value_name = "CIDR", value_parser = network)]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Requests a minute of tenants without a setting of their own; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = rally_core::limits::REQUESTS_PER_MINUTE)]
    pub(crate) rate_limit: u32,
    /// Connections at once; fewer if the system lets the program have fewer files open
    #[arg(long, value_name = "N", default_value_t = rally_http::limits::CONNECTIONS, value_parser = at_least_one)]
    pub(crate) max_connections: usize,
    /// Connections at once from one address, which is the 64-bit network for IPv6; trusted proxies may have more
    #[arg(
        long,
        value_name = "N",
        default_value_t = rally_http::limits::CONNECTIONS_PER_SOURCE,
        value_parser = at_least_one
    )]
    pub(crate) max_connections_per_source: usize,
    /// Events that are on their way to webhooks at once; 0 if this server sends none and others of the store do
    #[arg(long, value_name = "N", default_value_t = CourierLimits::default().in_flight)]
    pub(crate) webhooks_in_flight: usize,
    /// Seconds after which an event that a server has claimed and said no more of is another's to send
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = CourierLimits::default().lease_seconds,
        value_parser = clap::value_parser!(u32).range(1..=3_600)
    )]
    pub(crate) webhook_lease: u32,
    /// A file of root certificates, in PEM form, by which the receivers of webhooks are checked besides those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_roots: Option<PathBuf>,
    /// Address or name, and port, to show /metrics on instead of beside the API, with /healthz and /readyz
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics_listen: Option<Addresses>,
    /// MiB of requests and answers on their way at once, a quarter of them for any one tenant; 0 for no limit
    #[arg(long, value_name = "MIB", default_value_t = rally_http::limits::BODY_BUDGET >> 20)]
    pub(crate) body_budget: usize,
    #[command(flatten)]
    pub(crate) files: FilesArguments,
    /// Print one line of JSON when ready, and log in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The least level of the log: error, warn, info, debug, trace or off; or levels by module, as in
    /// warn,rally_http=debug. A server logs from info on, a fake from warn on
    #[arg(long, value_name = "LEVELS", env = "RALLY_LOG")]
    pub(crate) log: Option<Levels>,
}

/// The way of traces to a collector. A program without the feature `otlp` has these settings as well, to say that it cannot
/// do as they say.
#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    /// The URL of a collector of traces, such as http://localhost:4318, which spans of requests and of deliveries are sent
    /// to by OTLP over HTTP. OTEL_EXPORTER_OTLP_ENDPOINT names it as well. Only a program with the feature otlp has spans
    #[arg(long, value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
    /// The name of this service among the traces; OTEL_SERVICE_NAME says it as well
    #[arg(long, value_name = "NAME", default_value = "rally")]
    pub(crate) otlp_service_name: String,
}

/// The bounds of files of records that come in and go out.
#[derive(Debug, Args)]
pub(crate) struct FilesArguments {
    /// MiB of files on the disk at once: of imports that have arrived, and of refused rows that are sent; a quarter of them
    /// for any one tenant; 0 for no limit
    #[arg(long, value_name = "MIB", default_value_t = rally_http::limits::FILE_DISK_BUDGET >> 20)]
    file_budget: usize,
    /// Seconds for which an export waits for its reader, all in all, before it is broken off
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = rally_http::limits::EXPORT_PATIENCE.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    export_patience: u64,
    /// The folder of temporary files: of imports that arrive, and of the rows of workbooks; the system's unless it is given
    #[arg(long, value_name = "FOLDER")]
    temporary_folder: Option<PathBuf>,
}

impl FilesArguments {
    pub(crate) fn temporary_folder(&self) -> Option<PathBuf> {
        self.temporary_folder.clone()
    }

    pub(crate) fn options(&self) -> FileOptions {
        FileOptions {
            disk_budget: self.file_budget.saturating_mul(1 << 20),
            export_patience: Duration::from_secs(self.export_patience),
            temporary_folder: self.temporary_folder.clone(),
            scratch: Some(scratch(self.temporary_folder.clone())),
            ..FileOptions::default()
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArguments {
    /// The place of the records: redb:PATH, postgres://URL, or memory. A URL with a password is better given as
    /// RALLY_STORE, as others may see what a program is started with
    #[arg(
        long,
        value_name = "STORE",
        default_value = "redb:rally.redb",
        env = "RALLY_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Location,
    /// Connections to the database at most, if the store is one
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) store_connections: u16,
    #[command(flatten)]
    pub(crate) file: FileArguments,
    /// The file of settings, in TOML: names are those of the options. Without it, rally.toml in the current folder if there
    /// is one
    #[arg(long, value_name = "FILE", env = "RALLY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// The store that a command works on, and the form of what it prints.
#[derive(Debug, Args)]
pub(crate) struct CommandArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    /// Print a line of JSON for each row
    #[arg(long)]
    pub(crate) json: bool,
}

impl CommandArguments {
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Text }
    }
}

/// The care that is taken of a file of records.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FileArguments {
    /// The care that a commit to a file takes: standard is one sync; strict is two, and withstands whoever chooses the
    /// stored bytes
    #[arg(long, value_name = "LEVEL", default_value = "standard", env = "RALLY_DURABILITY")]
    pub(crate) durability: DurabilityLevel,
    /// Read and verify the whole file first, if the store is one; right for a file that came from elsewhere
    #[arg(long)]
    pub(crate) check: bool,
    /// MiB of memory for pages of a file, which fills with what is read and written; a quarter of the machine's unless it
    /// is given
    #[arg(long, value_name = "MIB", value_parser = at_least_one, env = "RALLY_FILE_CACHE")]
    pub(crate) file_cache: Option<usize>,
    /// MiB of memory for what was committed to a file and is not in its place there yet; less makes long runs of writes
    /// slower
    #[arg(long, value_name = "MIB", value_parser = at_least_one, env = "RALLY_FILE_JOURNAL")]
    pub(crate) file_journal: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum DurabilityLevel {
    #[default]
    Standard,
    Strict,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a whole number from 1 up".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "must be an address or a network of them, such as 10.0.0.0/8".to_owned())
}

/// An origin is scheme, host and, if it is not the scheme's own, port (RFC 6454).
fn origin(text: &str) -> Result<String, String> {
    match text.split_once("://") {
        Some(("http" | "https", host))
            if !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']) =>
        {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err("must be an origin, such as https://app.example".to_owned()),
    }
}

/// A name of a host, as in DNS: labels of letters, digits and hyphens, other letters in punycode.
fn host_name(text: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_inner);
    let name = text.trim_matches('.');
    if name.len() <= 253 && name.split('.').all(is_label) {
        Ok(name.to_ascii_lowercase())
    } else {
        Err("must be the name of a host without scheme, port, path or *, such as crm.example".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::host_name;

    #[test]
    fn a_host_suffix_is_a_name_and_nothing_else() {
        for (text, name) in [
            ("localhost", "localhost"),
            ("RallyCRM.io", "rallycrm.io"),
            (".rallycrm.io.", "rallycrm.io"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(host_name(text).as_deref(), Ok(name), "{text}");
        }
        let long = ["x"; 127].join(".") + ".yz";
        let wrong =
            ["", ".", "*", "*.rallycrm.io", "https://rallycrm.io", "rallycrm.io:443", "rallycrm.io/", "a..b"];
        for text in wrong.into_iter().chain(["bücher.example", "a b", "[::1]", &"x".repeat(64), &long]) {
            assert!(host_name(text).is_err(), "{text}");
        }
    }
}
