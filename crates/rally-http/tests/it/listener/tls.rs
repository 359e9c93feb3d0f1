//! Secure connections, and certificates that are replaced.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use rally_http::{ServeOptions, TlsFiles};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tempfile::TempDir;

use super::server::{SHORT, Server, patient};

/// Makes a certificate for `localhost`, and returns it; the key goes into another file, that of `of` if there is one.
fn issue(folder: &Path) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    certificate.pem()
}

fn files(folder: &TempDir) -> TlsFiles {
    TlsFiles::open(folder.path().join("cert.pem"), folder.path().join("key.pem")).unwrap()
}

fn server(files: &TlsFiles) -> Server {
    Server::new(ServeOptions { tls: Some(files.clone()), linger: SHORT, ..patient() })
}

/// A request over a connection that is secured by one certificate: the protocol that was agreed on, and the answer.
fn get(server: &Server, certificate: &str, protocols: &[&str]) -> Result<(Option<Vec<u8>>, String), String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(server.address).unwrap());
    let request = server.head("GET /healthz", "Connection: close\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    Ok((stream.conn.alpn_protocol().map(<[u8]>::to_vec), answer))
}

#[test]
fn a_request_is_answered_over_a_secure_connection_to_its_last_byte() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = issue(folder.path());
    let server = server(&files(&folder));
    let (protocol, answer) = get(&server, &certificate, &["http/1.1"]).unwrap();
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    // A caller who speaks both gets the newer one; what follows is not spoken here.
    let agreed = get(&server, &certificate, &["h2", "http/1.1"]);
    assert!(agreed.is_err() || agreed.is_ok_and(|(protocol, _)| protocol.as_deref() == Some(b"h2")));
}

#[test]
fn a_certificate_is_replaced_while_the_server_runs_and_a_wrong_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let first = issue(folder.path());
    let files = files(&folder);
    let server = server(&files);
    assert!(!files.reload().unwrap(), "nothing has changed");
    let second = issue(folder.path());
    assert!(get(&server, &first, &[]).is_ok(), "until it is read again");
    assert!(files.reload().unwrap());
    assert!(get(&server, &second, &[]).is_ok() && get(&server, &first, &[]).is_err());
    fs::write(folder.path().join("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let told = files.reload().unwrap_err().to_string();
    assert!(told.contains("do not belong together"), "{told}");
    assert!(!files.reload().unwrap(), "it is told once");
    assert!(get(&server, &second, &[]).is_ok(), "the old one stays");
    for (content, told) in [("", "holds none"), ("-----BEGIN CERTIFICATE-----\n", "not PEM")] {
        fs::write(folder.path().join("cert.pem"), content).unwrap();
        let error = files.reload().unwrap_err().to_string();
        assert!(error.contains(told), "{content}: {error}");
    }
    fs::remove_file(folder.path().join("cert.pem")).unwrap();
    assert!(files.reload().unwrap_err().to_string().contains("cert.pem"));
}

#[test]
fn a_caller_who_does_not_finish_the_handshake_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    issue(folder.path());
    let options = ServeOptions { tls: Some(files(&folder)), head_timeout: SHORT, linger: SHORT, ..patient() };
    let server = Server::new(options);
    server.connect().wait_for_end();
    let mut plain = server.connect();
    plain.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    plain.wait_for_end();
}
