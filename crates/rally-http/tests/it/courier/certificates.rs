use std::sync::Arc;

use rally_http::{CourierOptions, SendError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{io::AsyncWriteExt, net::TcpListener, runtime::Runtime};
use tokio_rustls::TlsAcceptor;

use super::{reach::Answers, receiver::Received, resolving, send};

/// An authority that vouches for receivers.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// Starts a receiver with a certificate for a name, and returns its port.
    async fn receiver(&self, name: &str) -> u16 {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        port
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        if Received::read(&mut stream).await.is_some() {
            drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await);
            drop(stream.shutdown().await);
        }
    }
}

/// Sends a request to a host that leads to this machine.
async fn sent(host: &str, port: u16, roots: Vec<u8>) -> Result<u16, SendError> {
    let resolver = Answers::new(&[&["127.0.0.1"]]);
    let options = CourierOptions { own_roots: roots, ..resolving(&resolver) };
    send(options, &format!("https://{host}:{port}/hook")).await.map(|answer| answer.status)
}

#[track_caller]
fn assert_insecure(told: Result<u16, SendError>, reason: &str) {
    match told {
        Err(SendError::Tls(told)) => assert!(told.contains(reason), "{told}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_receiver_is_known_by_a_certificate_for_its_name() {
    Runtime::new().unwrap().block_on(async {
        let authority = Authority::new();
        let port = authority.receiver("hooks.example").await;
        assert_eq!(sent("hooks.example", port, authority.pem()).await, Ok(204));
        assert_eq!(sent("hooks.example.", port, authority.pem()).await, Ok(204));
        assert_insecure(sent("other.example", port, authority.pem()).await, "not valid for name");
        assert_insecure(
            sent("hooks.example", port, Authority::new().pem()).await,
            "invalid peer certificate",
        );
        let of_address = authority.receiver("127.0.0.1").await;
        assert_eq!(sent("127.0.0.1", of_address, authority.pem()).await, Ok(204));
    });
}

#[test]
fn a_receiver_that_does_not_speak_tls_is_told_from_one_that_is_away() {
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plain = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            stream
        });
        assert_insecure(sent("hooks.example", port, Authority::new().pem()).await, "InvalidContentType");
        drop(plain.await);
    });
}

#[test]
fn a_root_certificate_that_is_none_is_told() {
    Runtime::new().unwrap().block_on(async {
        let port = Authority::new().receiver("hooks.example").await;
        let roots = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        assert_insecure(sent("hooks.example", port, roots).await, "root certificate");
    });
}
