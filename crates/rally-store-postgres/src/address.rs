use std::{path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

use crate::{
    OpenError,
    tls::{Roots, Tls},
};

const SECOND: Duration = Duration::from_secs(1);

/// The schema of the tables, if the URL names none.
const SCHEMA: &str = "rally";

/// The content of a URL: the place of the database, and the way to connect to it.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    /// The schema that the tables are in: of plain characters, but maybe a word of SQL, so it is quoted.
    pub(crate) schema: String,
    pub(crate) tls: Tls,
    /// Hosts and database, for messages: nothing secret.
    pub(crate) place: String,
}

impl Address {
    /// Reads a URL as libpq does, with `schema` besides.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
            return Err(wrong("it does not begin with postgres://".to_owned()));
        }
        let (mut schema, mut mode, mut roots) = (SCHEMA.to_owned(), None, None);
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "schema" => schema = value(),
                "sslmode" => mode = Some(value()),
                "sslrootcert" if value() == "system" => roots = Some(Roots::System),
                "sslrootcert" => roots = Some(Roots::File(PathBuf::from(value()))),
                _ => rest.push(pair),
            }
        }
        check_schema(&schema)?;
        let (ssl_mode, tls) = tls_of(mode.as_deref(), roots)?;
        // The driver's own message may quote the URL's parts, but never the password.
        let parsed = format!("{base}?{}", rest.join("&")).parse::<Config>();
        let mut config = parsed.map_err(|error| wrong(crate::error::reason(&error)))?;
        set_defaults(config.ssl_mode(ssl_mode));
        name_hosts(&mut config)?;
        let place = place(&config);
        Ok(Self { config, schema, tls, place })
    }

    /// Has a server that has gone away noticed within about twice this time, whether it is waited for or not.
    pub(crate) fn notice_silence(&mut self, longest: Duration) {
        if self.config.get_tcp_user_timeout().is_none() {
            self.config.tcp_user_timeout(longest);
        }
        self.config.keepalives_idle(longest.max(SECOND));
        self.config.keepalives_interval(SECOND);
        self.config.keepalives_retries(u32::try_from(longest.as_secs()).unwrap_or(u32::MAX).max(1));
    }
}

/// The meaning of libpq's `sslmode`: the connections that are made, and what is checked of the server.
fn tls_of(mode: Option<&str>, roots: Option<Roots>) -> Result<(SslMode, Tls), OpenError> {
    let default = if roots == Some(Roots::System) { "verify-full" } else { "prefer" };
    let mode = mode.unwrap_or(default);
    if roots == Some(Roots::System) && mode != "verify-full" {
        // Anyone can have a certificate that the system's roots vouch for.
        return Err(wrong(format!("sslrootcert=system takes sslmode=verify-full, not {mode}")));
    }
    match (mode, roots) {
        ("disable", _) => Ok((SslMode::Disable, Tls::Unchecked)),
        ("prefer", _) => Ok((SslMode::Prefer, Tls::Unchecked)),
        ("require", None) => Ok((SslMode::Require, Tls::Unchecked)),
        // As libpq has it: whoever names the root certificates wants them checked.
        ("require", Some(roots)) => Ok((SslMode::Require, Tls::Chain(roots))),
        ("verify-ca", roots) => Ok((SslMode::Require, Tls::Chain(roots.unwrap_or(Roots::System)))),
        ("verify-full", roots) => Ok((SslMode::Require, Tls::ChainAndName(roots.unwrap_or(Roots::System)))),
        (other, _) => Err(wrong(format!(
            "sslmode={other} is none of disable, prefer, require, verify-ca and verify-full"
        ))),
    }
}

/// Sees to it that each host has a name, which the driver asks for before it makes a connection secure.
fn name_hosts(config: &mut Config) -> Result<(), OpenError> {
    if config.get_hosts().is_empty() {
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
    match config.get_hosts() {
        [] => Err(wrong("it names no host".to_owned())),
        #[cfg(unix)]
        hosts if hosts.iter().all(|host| matches!(host, Host::Unix(_))) => {
            // As libpq has it: a socket within the machine is as it is.
            config.ssl_mode(SslMode::Disable);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writers need a primary, and an address at which nobody is must not keep the next one waiting.
fn set_defaults(config: &mut Config) {
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_application_name().is_none() {
        config.application_name("rally");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
}

/// Keeps out what means something else within quotes, or differs by case alone.
fn check_schema(name: &str) -> Result<(), OpenError> {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let goes_on = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if starts && goes_on && name.len() <= 63 {
        return Ok(());
    }
    Err(wrong(format!("schema={name:?} must be at most 63 of a to z, 0 to 9 and _, and begin with no digit")))
}

fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let ports = config.get_ports();
    let with_port = |(index, host): (usize, String)| match ports.get(index).or(ports.first()) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    };
    let hosts: Vec<String> = hosts.enumerate().map(with_port).collect();
    match config.get_dbname() {
        Some(database) => format!("{}, database {database}", hosts.join(",")),
        None => hosts.join(","),
    }
}

fn wrong(reason: String) -> OpenError {
    OpenError::Address { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_tables_are_and_how_to_get_there() {
        let address = Address::parse("postgres://u:p@db1:5433,db2/crm?schema=acme&sslmode=disable").unwrap();
        assert_eq!(
            (address.schema.as_str(), address.place.as_str()),
            ("acme", "db1:5433,db2:5432, database crm")
        );
        assert_eq!(address.config.get_ports(), [5433, 5432]);
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(address.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let local = Address::parse("postgresql:///crm?host=/var/run/postgresql&connect_timeout=1").unwrap();
        assert_eq!(
            (local.schema.as_str(), local.place.as_str()),
            ("rally", "/var/run/postgresql, database crm")
        );
        assert_eq!(local.config.get_connect_timeout(), Some(&Duration::from_secs(1)));
    }

    #[test]
    fn silence_is_noticed_as_the_options_have_it_unless_the_url_says_otherwise() {
        for (url, timeout) in [("postgres://h/d", 3), ("postgres://h/d?tcp_user_timeout=7", 7)] {
            let mut address = Address::parse(url).unwrap();
            address.notice_silence(Duration::from_secs(3));
            let config = &address.config;
            assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_secs(timeout)));
            assert_eq!((config.get_keepalives(), config.get_keepalives_retries()), (true, Some(3)));
            assert_eq!(config.get_keepalives_idle(), Duration::from_secs(3));
            assert_eq!(config.get_keepalives_interval(), Some(SECOND));
        }
    }

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        let tls = |more: &str| {
            let address = Address::parse(&format!("postgres://h/d?{more}")).unwrap();
            (address.config.get_ssl_mode(), address.tls)
        };
        let file = || Roots::File("ca.pem".into());
        assert_eq!(tls(""), (SslMode::Prefer, Tls::Unchecked));
        assert_eq!(tls("sslmode=require"), (SslMode::Require, Tls::Unchecked));
        assert_eq!(tls("sslrootcert=ca.pem&sslmode=require"), (SslMode::Require, Tls::Chain(file())));
        assert_eq!(tls("sslrootcert=system"), (SslMode::Require, Tls::ChainAndName(Roots::System)));
        assert_eq!(tls("sslmode=verify-ca"), (SslMode::Require, Tls::Chain(Roots::System)));
        assert_eq!(
            tls("sslmode=verify-full&sslrootcert=ca.pem"),
            (SslMode::Require, Tls::ChainAndName(file()))
        );
    }

    #[test]
    fn a_socket_needs_no_tls_and_an_address_is_its_own_name() {
        let socket = Address::parse("postgres:///d?host=/run/postgresql&sslmode=require").unwrap();
        assert_eq!(socket.config.get_ssl_mode(), SslMode::Disable);
        let address = Address::parse("postgres:///d?hostaddr=127.0.0.1,::1&sslmode=require").unwrap();
        let names = ["127.0.0.1", "::1"].map(|name| Host::Tcp(name.to_owned()));
        assert_eq!(
            (address.config.get_hosts(), address.config.get_ssl_mode()),
            (&names[..], SslMode::Require)
        );
    }

    #[test]
    fn a_wrong_url_says_what_is_wrong_and_not_the_password() {
        for (url, what) in [
            ("mysql://h/d", "does not begin with postgres://"),
            ("postgres://u:hush@h/d?sslmode=verify", "sslmode=verify is none of"),
            ("postgres://u:hush@h/d?schema=a-b", "schema=\"a-b\""),
            ("postgres://u:hush@h/d?schema=", "schema=\"\""),
            ("postgres://u:hush@h:port/d", "invalid value for option `port`"),
            ("postgres://u:hush@h/d?colour=blue", "unknown option `colour`"),
            ("postgres:///d", "names no host"),
            ("postgres://u:hush@h/d?sslrootcert=system&sslmode=require", "takes sslmode=verify-full"),
        ] {
            let Err(error) = Address::parse(url) else { panic!("{url} was taken") };
            assert!(error.to_string().contains(what), "{url}: {error}");
            assert!(!error.to_string().contains("hush"), "{url}: {error}");
        }
    }
}
