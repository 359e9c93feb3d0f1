use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

/// Stands between a store and its server, reads their messages, and cuts the connection before one of them.
pub(crate) struct Proxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
}

/// The sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

/// The plan for the connections.
#[derive(Default)]
struct Plan {
    /// The sender whose messages are counted, and how many are still passed on.
    cut: Option<(Sender, usize)>,
    /// Set when no new connection gets through once the cut has been made.
    then_shut: bool,
    is_shut: bool,
}

impl Proxy {
    /// Begins to listen, in front of a server's socket.
    pub(crate) fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let accepting = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming() {
                if let (Ok(client), false) = (client, accepting.lock().unwrap().is_shut) {
                    let _ = connect(client, &socket, &accepting);
                }
            }
        });
        Self { port, plan }
    }

    pub(crate) fn url(&self, schema: &str) -> String {
        format!("postgres://rally@127.0.0.1:{}/postgres?sslmode=disable&schema={schema}", self.port)
    }

    /// Cuts a connection before the message that its sender sends after `passed` others from now on.
    pub(crate) fn cut(&self, from: Sender, passed: usize, then_shut: bool) {
        *self.plan.lock().unwrap() = Plan { cut: Some((from, passed)), then_shut, is_shut: false };
    }

    /// Lets everything through again; true when the cut was made.
    pub(crate) fn heal(&self) -> bool {
        std::mem::take(&mut *self.plan.lock().unwrap()).cut.is_none()
    }
}

impl Plan {
    /// True when the next message of a sender is passed on.
    fn passes(&mut self, from: Sender) -> bool {
        match &mut self.cut {
            Some((sender, 0)) if *sender == from => {
                self.cut = None;
                self.is_shut = self.then_shut;
                false
            }
            Some((sender, left)) if *sender == from => {
                *left -= 1;
                true
            }
            _ => true,
        }
    }
}

fn connect(client: TcpStream, socket: &Path, plan: &Arc<Mutex<Plan>>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(socket)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let requests = Arc::clone(plan);
    thread::spawn(move || {
        // The first message has no type before its length.
        let _ = pass_on(&mut from_client, &mut to_server)
            .and_then(|()| relay(&mut from_client, &mut to_server, Sender::Client, &requests));
        let _ = (from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both));
    });
    let (mut from_server, mut to_client, answers) = (server, client, Arc::clone(plan));
    thread::spawn(move || {
        let _ = relay(&mut from_server, &mut to_client, Sender::Server, &answers);
        let _ = (from_server.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
    });
    Ok(())
}

/// Passes messages on until an end closes or the plan says so.
fn relay(from: &mut impl Read, to: &mut impl Write, sender: Sender, plan: &Mutex<Plan>) -> io::Result<()> {
    loop {
        let mut kind = [0];
        from.read_exact(&mut kind)?;
        if !plan.lock().unwrap().passes(sender) {
            return Ok(());
        }
        to.write_all(&kind)?;
        pass_on(from, to)?;
    }
}

/// Passes on a length, which counts itself, and what it is the length of.
fn pass_on(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let rest = u32::from_be_bytes(length).saturating_sub(4);
    let mut body = vec![0; usize::try_from(rest).unwrap()];
    from.read_exact(&mut body)?;
    to.write_all(&length)?;
    to.write_all(&body)
}
