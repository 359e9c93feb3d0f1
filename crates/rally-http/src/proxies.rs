use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use axum::http::HeaderMap;

use crate::forwarded::is_said_to_be_forwarded;

/// Watches for a proxy that nobody has named, while none is: the first request that says to be forwarded, if all requests
/// until then have come from private addresses.
#[derive(Debug, Default)]
pub(crate) struct ProxyWatch {
    /// True once a request has come from a public address, or the warning has been given.
    is_over: AtomicBool,
}

impl ProxyWatch {
    /// Looks at a request's source, and warns at most once.
    pub(crate) fn watch(&self, peer: IpAddr, headers: &HeaderMap) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let is_public = !is_private(peer);
        if !is_public && !is_said_to_be_forwarded(headers) {
            return;
        }
        let was_over = self.is_over.swap(true, Ordering::Relaxed);
        if !is_public && !was_over {
            tracing::warn!(
                proxy = %peer,
                "requests come through a proxy that is not trusted, so all of its clients count as one source; \
                 name it with --trusted-proxy"
            );
        }
    }
}

/// True for addresses of this machine and of networks that no stranger is in.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// Whether the watch is over after requests from these addresses, the last of them with the header of a proxy.
    fn is_over(peers: &[&str], is_forwarded: bool) -> bool {
        let watch = ProxyWatch::default();
        for (place, peer) in peers.iter().enumerate() {
            let mut headers = HeaderMap::new();
            if is_forwarded && place + 1 == peers.len() {
                headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
            }
            watch.watch(peer.parse().unwrap(), &headers);
        }
        watch.is_over.load(Ordering::Relaxed)
    }

    #[test]
    fn the_watch_ends_with_a_public_source_or_with_the_warning() {
        let private =
            ["127.0.0.1", "10.1.1.1", "192.168.0.1", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"];
        assert!(!is_over(&private, false));
        assert!(is_over(&private, true));
        for public in ["203.0.113.9", "2001:db8::1", "172.32.0.1"] {
            assert!(is_over(&[public], false), "{public}");
        }
    }
}
