use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio_rustls::TlsConnector;
use url::Host;

/// A connector that makes connections to other servers secure: these are checked by the operating system's root
/// certificates and by those given, which are in PEM form.
///
/// # Errors
/// The reason why servers cannot be checked: a certificate that is none, or no certificates at all.
pub fn secure_client(own_roots: &[u8]) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in CertificateDer::pem_slice_iter(own_roots) {
        let certificate = certificate.map_err(|error| format!("a root certificate is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a root certificate is none: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there are no root certificates here to check other servers by".to_owned());
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Each attempt checks the other side anew, by whatever address it has then.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the receiver's certificate must be made out to.
pub(crate) fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, String> {
    match host {
        Host::Domain(name) => {
            // A certificate names the host without the final dot of an absolute name.
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name).map_err(|error| error.to_string())
        }
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}
