use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    str::FromStr,
};

use tokio::net::TcpListener;

use crate::failure::Failure;

/// The addresses that the operator has named, each of which will do.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    text: String,
    /// Those of IPv4 first, which every client of a name tries.
    all: Vec<SocketAddr>,
}

impl Addresses {
    /// True if other machines cannot reach any of them.
    pub(crate) fn are_of_this_machine(&self) -> bool {
        self.all.iter().all(|address| address.ip().is_loopback())
    }

    pub(crate) async fn bind(&self) -> Result<TcpListener, Failure> {
        let bound = TcpListener::bind(self.all.as_slice()).await;
        bound.map_err(|error| {
            Failure::new(format!("cannot listen on {self}: {error}; choose another with --listen"))
        })
    }
}

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = text.to_socket_addrs();
        let mut all: Vec<SocketAddr> = match found {
            Ok(found) => found.collect(),
            Err(_) => {
                return Err("must be an address or a name, and a port, such as localhost:8080".to_owned());
            }
        };
        all.sort_by_key(SocketAddr::is_ipv6);
        Ok(Self { text: text.to_owned(), all })
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_listened_on() {
        let named: Addresses = "localhost:8090".parse().unwrap();
        assert!(named.are_of_this_machine() && named.all.iter().all(|address| address.port() == 8090));
        let given: Addresses = "0.0.0.0:80".parse().unwrap();
        assert!(!given.are_of_this_machine());
        for text in ["", "nowhere", "localhost", ":8090", "127.0.0.1:x"] {
            assert!(text.parse::<Addresses>().is_err(), "{text}");
        }
    }
}
