use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::limits;

/// The certificate of a server and its key, in files in PEM form that may be replaced while it runs.
///
/// A server that has them ([`ServeOptions::tls`](crate::ServeOptions::tls)) looks every few seconds whether they have
/// changed. New ones that do not belong together, or cannot be read, change nothing: the last that did stay in use.
#[derive(Clone)]
pub struct TlsFiles(Arc<Shared>);

struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    /// What the files held when they were last looked at.
    seen: Mutex<Content>,
}

/// The content of the two files.
#[derive(Clone, PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The certificate that connections are offered now.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

/// A watch over the files, which ends when this is dropped.
pub(crate) struct Watching(AbortHandle);

impl TlsFiles {
    /// Reads the chain of certificates, the server's own first, and its key.
    ///
    /// # Errors
    /// An I/O error if either cannot be read or holds something else, or if they do not belong together.
    pub fn open(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> io::Result<Self> {
        let (certificate, key) = (certificate.into(), key.into());
        let content = Content::read(&certificate, &key)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(content.certified_key()?))));
        let resolver: Arc<dyn ResolvesServerCert> = current.clone();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self(Arc::new(Shared { certificate, key, acceptor, current, seen: Mutex::new(content) })))
    }

    /// Reads the files again, and offers what they hold from now on; false if they are as they were.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), once for each content; what was offered before is still offered.
    pub fn reload(&self) -> io::Result<bool> {
        let Shared { certificate, key, current, seen, .. } = &*self.0;
        let content = Content::read(certificate, key)?;
        let mut seen = seen.lock();
        if *seen == content {
            return Ok(false);
        }
        *seen = content.clone();
        *current.0.write() = Arc::new(content.certified_key()?);
        Ok(true)
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.0.acceptor
    }

    /// Looks at the files from time to time.
    pub(crate) fn watch(&self) -> Watching {
        let files = self.clone();
        let watching = tokio::spawn(async move {
            loop {
                tokio::time::sleep(limits::TLS_LOOK).await;
                let looking = files.clone();
                if let Ok(reloaded) = tokio::task::spawn_blocking(move || looking.reload()).await {
                    note(&reloaded);
                }
            }
        });
        Watching(watching.abort_handle())
    }
}

fn note(reloaded: &io::Result<bool>) {
    match reloaded {
        Ok(true) => tracing::info!("the certificate has been replaced"),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "the new certificate is not used, and the old one still is"),
    }
}

impl Content {
    fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        let read = |path: &Path| {
            fs::read(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Self { certificate: read(certificate)?, key: read(key)? })
    }

    fn certified_key(&self) -> io::Result<CertifiedKey> {
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| invalid(format!("the certificate is not PEM: {error}")))?;
        if chain.is_empty() {
            return Err(invalid("the file of the certificate holds none".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|error| invalid(format!("the key is not PEM: {error}")))?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        certified
            .map_err(|error| invalid(format!("the certificate and the key do not belong together: {error}")))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl PartialEq for TlsFiles {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TlsFiles {}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFiles").field("certificate", &self.0.certificate).finish_non_exhaustive()
    }
}
