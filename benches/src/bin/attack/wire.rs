//! A wire to the database that can be cut without either side noticing.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

use crate::attack::Stop;

/// A port that leads to the database. It is closed when it is dropped.
pub(crate) struct Wire {
    pub(crate) port: u16,
    /// Times that the wire was cut: connections of before are stale.
    cuts: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Wire {
    pub(crate) async fn to(port: u16) -> Result<Self, Stop> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let own = listener.local_addr()?.port();
        let cuts = Arc::new(AtomicUsize::new(0));
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let accepting = tokio::spawn(accept(listener, to, Arc::clone(&cuts)));
        Ok(Self { port: own, cuts, accepting })
    }

    /// Forgets all connections, as a firewall does: each seems open, until it is used.
    pub(crate) fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, cuts: Arc<AtomicUsize>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(carry(client, to, Arc::clone(&cuts)));
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr, cuts: Arc<AtomicUsize>) {
    let Ok(mut database) = TcpStream::connect(to).await else { return };
    // What matters is the time that a round trip takes.
    let _ = (client.set_nodelay(true), database.set_nodelay(true));
    let made_at = cuts.load(Ordering::Relaxed);
    let is_cut = async {
        while cuts.load(Ordering::Relaxed) == made_at {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut database) => return,
        () = is_cut => {}
    }
    // The first byte is answered by the end of the connection.
    let _ = client.read(&mut [0; 1]).await;
}
