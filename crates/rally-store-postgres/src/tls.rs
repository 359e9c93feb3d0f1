use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The check of the server that a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// No check: what is sent is hidden from listeners, but not from whoever poses as the server.
    Unchecked,
    /// The certificate chain, which must lead to one of the roots.
    Chain(Roots),
    /// The chain and the host name.
    ChainAndName(Roots),
}

/// The certificates that are trusted to vouch for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Those of the operating system.
    System,
    /// Those of a file in PEM form.
    File(PathBuf),
}

impl Tls {
    /// Makes what the driver makes its connections secure with.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = match self {
            Self::ChainAndName(roots) => config.with_root_certificates(roots.load()?),
            Self::Unchecked => lenient(config, Lenient { provider, chain: None }),
            Self::Chain(roots) => {
                let roots = Arc::new(roots.load()?);
                let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let chain = builder.build().map_err(|error| error.to_string())?;
                lenient(config, Lenient { provider, chain: Some(chain) })
            }
        };
        Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
    }
}

type Builder<S> = rustls::ConfigBuilder<ClientConfig, S>;

fn lenient(
    config: Builder<rustls::WantsVerifier>,
    verifier: Lenient,
) -> Builder<rustls::client::WantsClientCert> {
    config.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
}

impl Roots {
    fn load(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
            Self::File(path) => {
                let named =
                    |error: &dyn std::fmt::Display| format!("sslrootcert {}: {error}", path.display());
                let file = CertificateDer::pem_file_iter(path).map_err(|error| named(&error))?;
                for certificate in file {
                    let certificate = certificate.map_err(|error| named(&error))?;
                    roots.add(certificate).map_err(|error| named(&error))?;
                }
            }
        }
        if roots.is_empty() {
            return Err(
                "there are no root certificates to check the server by; name a file with sslrootcert"
                    .to_owned(),
            );
        }
        Ok(roots)
    }
}

/// Checks less than the whole: what `sslmode` below `verify-full` asks for.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// Checks the chain; whom the certificate is made out to does not matter.
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
