//! Connections that nobody can listen to, and what is checked of the server.

use std::{fs, path::PathBuf};

use rally_store_postgres::{OpenError, Options, PostgresStore};
use rally_testkit::postgres::{self, Server, Setup};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{ask, key, open, put, tenant};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate that is made out to `localhost`, and the roots that vouch for it and for others.
struct Secure {
    server: Server,
    folder: TempDir,
}

impl Secure {
    fn start() -> Option<Self> {
        if postgres::is_bare() {
            return None;
        }
        let (right, wrong) = (authority("right"), authority("wrong"));
        let own = KeyPair::generate().unwrap();
        let made_out = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = made_out.signed_by(&own, &right).unwrap();
        let files = [("server.crt", certificate.pem()), ("server.key", own.serialize_pem())];
        let files = files.each_ref().map(|(name, pem)| (*name, pem.as_bytes()));
        let setup = Setup { settings: &[("ssl", "on")], files: &files, ..Setup::default() };
        let server = Server::start_with(&setup)?;
        let secure = Self { server, folder: tempfile::tempdir().unwrap() };
        fs::write(secure.root("right"), right.pem()).unwrap();
        fs::write(secure.root("wrong"), wrong.pem()).unwrap();
        fs::write(secure.root("both"), format!("{}{}", wrong.pem(), right.pem())).unwrap();
        fs::write(secure.root("empty"), "").unwrap();
        Some(secure)
    }

    fn root(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// The database under a host's name; `root=name` in what is asked for becomes the file of that root.
    fn url(&self, host: &str, asked: &str) -> String {
        let asked = match asked.split_once("&root=") {
            Some((mode, name)) => format!("{mode}&sslrootcert={}", self.root(name).display()),
            None => asked.to_owned(),
        };
        format!("postgres://rally@{host}:{}/postgres?sslmode={asked}&schema=secure", self.server.port())
    }
}

fn is_encrypted(server: &Server) -> Vec<String> {
    let query = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = 'rally'";
    ask(&server.url(), query)
}

#[test]
fn a_connection_is_made_as_sslmode_asks_and_is_encrypted() {
    let Some(secure) = Secure::start() else { return };
    for (host, asked, encrypted) in [
        ("localhost", "disable", "f"),
        ("localhost", "prefer", "t"),
        ("localhost", "require", "t"),
        ("127.0.0.1", "require", "t"),
        ("localhost", "require&root=right", "t"),
        ("localhost", "verify-ca&root=right", "t"),
        ("127.0.0.1", "verify-ca&root=right", "t"),
        ("localhost", "verify-ca&root=both", "t"),
        ("localhost", "verify-full&root=right", "t"),
        ("localhost", "verify-full&root=both", "t"),
    ] {
        let store = open(&secure.url(host, asked), Options::default());
        put(&store, tenant(1), &key("a"), b"1");
        assert_eq!(is_encrypted(&secure.server), [encrypted], "{host} {asked}");
        drop(store);
        gone(&secure.server);
    }
}

/// Waits until no connection of a store is left.
fn gone(server: &Server) {
    let polls = (0..10_000).find(|_| is_encrypted(server).is_empty());
    assert!(polls.is_some(), "a dropped store keeps its connection");
}

#[test]
fn a_server_that_does_not_pass_what_is_checked_is_refused() {
    let Some(secure) = Secure::start() else { return };
    for (host, asked, why) in [
        ("localhost", "require&root=wrong", "UnknownIssuer"),
        ("localhost", "verify-ca&root=wrong", "UnknownIssuer"),
        ("localhost", "verify-full&root=wrong", "UnknownIssuer"),
        ("localhost", "verify-ca", ""),
        ("localhost", "verify-full&sslrootcert=system", ""),
        ("127.0.0.1", "verify-full&root=right", "not valid for name"),
        ("localhost", "verify-full&root=missing", "missing.pem"),
        ("localhost", "verify-full&root=empty", "no root certificates"),
    ] {
        let error = PostgresStore::open(&secure.url(host, asked), Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Tls { .. }), "{host} {asked}: {error:?}");
        assert!(error.to_string().contains(why), "{host} {asked}: {error}");
    }
    assert!(is_encrypted(&secure.server).is_empty());
}

#[test]
fn a_server_without_encryption_is_used_only_if_that_is_allowed() {
    let Some(server) = Server::start() else { return };
    let url = |mode: &str| format!("postgres://rally@localhost:{}/postgres?sslmode={mode}", server.port());
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = PostgresStore::open(&url(mode), Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Tls { .. }), "{mode}: {error:?}");
    }
    for mode in ["disable", "prefer"] {
        let store = open(&url(mode), Options::default());
        put(&store, tenant(1), &key("a"), b"1");
        assert_eq!(is_encrypted(&server), ["f"], "{mode}");
    }
}
