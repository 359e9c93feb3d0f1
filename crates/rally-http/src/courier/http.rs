use std::{fmt, net::IpAddr, sync::Arc};

use rally_core::{Answered, WebhookUrl};
use tokio::{
    net::TcpStream,
    sync::OnceCell,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    exchange::{self, Deadline},
    failure::{SendError, Step, chain},
    message::{Courier, Underway, WebhookRequest},
    options::CourierOptions,
    resolve, tls,
};

/// Sends requests over the network, to no machine but those that webhooks may reach.
///
/// All addresses of a host are judged at each attempt, and a connection is made to one that was judged, by this attempt
/// alone. Redirects are not followed, proxies that the environment names are not used, and answers are not decompressed.
#[derive(Clone, Debug)]
pub struct HttpCourier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: CourierOptions,
    tls: OnceCell<Tls>,
}

/// The connector that makes connections secure.
#[derive(Clone)]
struct Tls(TlsConnector);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

impl HttpCourier {
    /// A courier with these options. The root certificates are read when they are first needed.
    #[must_use]
    pub fn new(options: CourierOptions) -> Self {
        Self(Arc::new(Inner { options, tls: OnceCell::new() }))
    }
}

impl Default for HttpCourier {
    fn default() -> Self {
        Self::new(CourierOptions::default())
    }
}

impl Courier for HttpCourier {
    fn send(&self, request: WebhookRequest) -> Underway<'_, Result<Answered, SendError>> {
        Box::pin(self.0.attempt(request))
    }
}

impl Inner {
    async fn attempt(&self, sent: WebhookRequest) -> Result<Answered, SendError> {
        let url = WebhookUrl::parse(&sent.url, self.options.reach).map_err(SendError::Url)?;
        let request = exchange::request(&url, sent)?;
        let deadline = Deadline::after(self.options.timeout);
        let looking = resolve::addresses(&*self.options.resolver, &url);
        let addresses = deadline.within(Step::Lookup, looking).await?;
        let stream = self.connect(&addresses, url.port(), deadline).await?;
        if !url.is_encrypted() {
            return exchange::exchange(stream, request, deadline, &self.options).await;
        }
        let stream = deadline.within(Step::Tls, self.secure(&url, stream)).await?;
        exchange::exchange(stream, request, deadline, &self.options).await
    }

    /// Connects to the first address that answers; each has its share of the time.
    async fn connect(
        &self,
        addresses: &[IpAddr],
        port: u16,
        deadline: Deadline,
    ) -> Result<TcpStream, SendError> {
        let mut failed = SendError::TimedOut { step: Step::Connect, after: deadline.after };
        let mut others = u32::try_from(addresses.len().min(self.options.addresses_tried)).unwrap_or(u32::MAX);
        for address in addresses.iter().take(self.options.addresses_tried) {
            let now = Instant::now();
            let until = now + deadline.at.saturating_duration_since(now) / others.max(1);
            others = others.saturating_sub(1);
            match timeout_at(until, TcpStream::connect((*address, port))).await {
                Ok(Ok(stream)) => {
                    // A request is written at once; nothing is gained by waiting for more of it.
                    drop(stream.set_nodelay(true));
                    return Ok(stream);
                }
                Ok(Err(error)) => failed = SendError::Connect(chain(&error)),
                Err(_) => {}
            }
        }
        Err(failed)
    }

    async fn secure(
        &self,
        url: &WebhookUrl,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SendError> {
        let Some(host) = url.host() else { return Err(SendError::NoAddress) };
        let name = tls::server_name(&host).map_err(SendError::Tls)?;
        let tls = self.tls.get_or_try_init(|| self.read_roots()).await?;
        tls.0.connect(name, stream).await.map_err(|error| SendError::Tls(chain(&error)))
    }

    /// Reads the root certificates, on a thread that may wait for the disk.
    async fn read_roots(&self) -> Result<Tls, SendError> {
        let own_roots = self.options.own_roots.clone();
        let read = spawn_blocking(move || tls::secure_client(&own_roots)).await;
        read.unwrap_or_else(|panicked| Err(panicked.to_string())).map(Tls).map_err(SendError::Tls)
    }
}
