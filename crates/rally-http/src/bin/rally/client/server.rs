use std::{fmt, fs, path::PathBuf, str::FromStr};

use axum::http::{Uri, uri::Authority};
use clap::Args;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, pki_types::ServerName},
};

use crate::failure::Failure;

/// The address of a server, of which only the scheme, the host and the port count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    is_secure: bool,
    authority: Authority,
}

/// The certificates that a server with a secure connection is checked by.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RootsArguments {
    /// A file of root certificates, in PEM form, by which an https server is checked besides those of the system
    #[arg(long, value_name = "FILE", env = "RALLY_ROOTS")]
    roots: Option<PathBuf>,
}

/// A server that connections are made to.
#[derive(Clone)]
pub(super) struct Server {
    url: ServerUrl,
    /// Makes connections secure; `None` of a server that has none such.
    tls: Option<TlsConnector>,
}

/// A connection, secure or not.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl FromStr for ServerUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            "must be the URL of a server: https://…, or http:// for one on this machine or a tunnel to one";
        let uri = text.parse::<Uri>().map_err(|_| wrong)?;
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong),
        };
        uri.authority().cloned().map(|authority| Self { is_secure, authority }).ok_or(wrong)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_secure { "https" } else { "http" }, self.authority)
    }
}

impl ServerUrl {
    fn host(&self) -> &str {
        self.authority.host().trim_matches(['[', ']'])
    }

    fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_secure { 443 } else { 80 })
    }
}

impl Server {
    /// A server, and what it is checked by.
    pub(super) fn new(url: ServerUrl, roots: &RootsArguments) -> Result<Self, Failure> {
        let tls = if url.is_secure { Some(roots.connector()?) } else { None };
        Ok(Self { url, tls })
    }

    /// The host and the port, as a request names them.
    pub(super) fn authority(&self) -> &str {
        self.url.authority.as_str()
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Connection>, String> {
        let (host, port) = (self.url.host(), self.url.port());
        let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        match tls.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
                let is_unknown = matches!(cause, Some(rustls::Error::InvalidCertificate(_)));
                let mend = "; --roots names the certificate that vouches for it";
                Err(format!("{error}{}", if is_unknown { mend } else { "" }))
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl RootsArguments {
    fn connector(&self) -> Result<TlsConnector, Failure> {
        let own = match &self.roots {
            None => Vec::new(),
            Some(path) => fs::read(path)
                .map_err(|error| Failure::new(format!("--roots {}: {error}", path.display())))?,
        };
        rally_http::secure_client(&own).map_err(|reason| Failure::new(format!("--roots: {reason}")))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[test]
    fn a_server_is_named_by_its_url() {
        for (text, host, port) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080),
            ("http://localhost:8080/", "localhost", 8080),
            ("http://[::1]:81", "::1", 81),
            ("http://rally", "rally", 80),
            ("https://x.example", "x.example", 443),
            ("HTTPS://x.example:8443/", "x.example", 8443),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
        }
        for text in ["", "localhost:8080", "ftp://x.example", "http://", "redb:x"] {
            assert!(text.parse::<ServerUrl>().is_err(), "{text}");
        }
    }
}
