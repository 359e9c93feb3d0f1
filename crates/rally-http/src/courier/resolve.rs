use std::{
    fmt, io,
    net::{IpAddr, ToSocketAddrs},
    sync::Arc,
};

use rally_core::WebhookUrl;
use tokio::{sync::Semaphore, task::spawn_blocking};
use url::Host;

use super::{
    failure::{SendError, chain},
    message::Underway,
};

/// Finds the addresses of hosts.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// All addresses of a host, which is a name and never an address. They are judged by who asks.
    fn resolve<'a>(&'a self, host: &'a str) -> Underway<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Debug)]
pub struct SystemResolver {
    turns: Arc<Semaphore>,
}

impl SystemResolver {
    /// Asks for so many hosts at once. The system cannot be told to give up, so a host whose name servers are silent
    /// keeps a thread for a while after its request has timed out.
    #[must_use]
    pub fn new(lookups_at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(lookups_at_once)) }
    }

    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        let looking = spawn_blocking(move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            drop(turn);
            found.map(|found| found.map(|address| address.ip()).collect())
        });
        looking.await.map_err(io::Error::other)?
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Underway<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(self.look_up(host))
    }
}

/// The addresses that a request may connect to. One that is forbidden among them forbids all: who has mixed them means
/// no good, or does not know where the request would go.
pub(super) async fn addresses(resolver: &dyn Resolve, url: &WebhookUrl) -> Result<Vec<IpAddr>, SendError> {
    let found = match url.host() {
        None => return Err(SendError::NoAddress),
        // A resolver is never asked for these, so nobody else would judge them.
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => {
            resolver.resolve(name).await.map_err(|error| SendError::Lookup(chain(&error)))?
        }
    };
    for address in &found {
        url.admit(*address).map_err(SendError::Forbidden)?;
    }
    if found.is_empty() { Err(SendError::NoAddress) } else { Ok(found) }
}
