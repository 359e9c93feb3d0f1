use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use parking_lot::{Condvar, Mutex};

/// Stands between a store and its server, reads their messages, and cuts the connection before one of them.
pub(crate) struct Proxy {
    port: u16,
    control: Arc<Control>,
}

/// The sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

#[derive(Default)]
struct Control {
    plan: Mutex<Plan>,
    changed: Condvar,
}

/// The plan for the connections.
#[derive(Default)]
struct Plan {
    /// The sender whose messages are counted, and how many are still passed on.
    cut: Option<(Sender, usize)>,
    /// Set when no new connection gets through once the cut has been made.
    then_shut: bool,
    is_shut: bool,
    /// Set while nothing is passed on, and nobody is told.
    is_frozen: bool,
    /// The number of connections so far.
    connections: usize,
    /// The number of those that are cut when they are used again.
    forgotten: usize,
}

impl Proxy {
    /// Begins to listen, in front of a server's socket.
    pub(crate) fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let control = Arc::new(Control::default());
        let accepting = Arc::clone(&control);
        thread::spawn(move || {
            for client in listener.incoming() {
                let is_shut = accepting.plan.lock().is_shut;
                if let (Ok(client), false) = (client, is_shut) {
                    let _ = connect(client, &socket, &accepting);
                }
            }
        });
        Self { port, control }
    }

    pub(crate) fn url(&self, schema: &str) -> String {
        format!("postgres://rally@127.0.0.1:{}/postgres?sslmode=disable&schema={schema}", self.port)
    }

    /// Cuts a connection before the message that its sender sends after `passed` others from now on.
    pub(crate) fn cut(&self, from: Sender, passed: usize, then_shut: bool) {
        let mut plan = self.control.plan.lock();
        (plan.cut, plan.then_shut, plan.is_shut) = (Some((from, passed)), then_shut, false);
    }

    /// Lets everything through again; true when the cut was made.
    pub(crate) fn heal(&self) -> bool {
        let mut plan = self.control.plan.lock();
        (plan.then_shut, plan.is_shut, plan.is_frozen) = (false, false, false);
        self.control.changed.notify_all();
        plan.cut.take().is_none()
    }

    /// Passes nothing on from now on, and closes nothing, until it is healed.
    pub(crate) fn freeze(&self) {
        self.control.plan.lock().is_frozen = true;
    }

    /// Cuts every connection that is there now, when its client sends something; the number of all so far.
    pub(crate) fn forget(&self) -> usize {
        let mut plan = self.control.plan.lock();
        plan.forgotten = plan.connections;
        plan.connections
    }
}

impl Control {
    /// True when the next message of a sender on a connection is passed on, which may be later.
    fn passes(&self, from: Sender, connection: usize) -> bool {
        let mut plan = self.plan.lock();
        self.changed.wait_while(&mut plan, |plan| plan.is_frozen);
        (from == Sender::Server || connection > plan.forgotten) && plan.passes(from)
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

fn connect(client: TcpStream, socket: &Path, control: &Arc<Control>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(socket)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let (requests, answers) = (Arc::clone(control), Arc::clone(control));
    let number = {
        let mut plan = control.plan.lock();
        plan.connections += 1;
        plan.connections
    };
    thread::spawn(move || {
        let request = || requests.passes(Sender::Client, number);
        // The first message has no type before its length.
        let _ = pass_on(&mut from_client, &mut to_server)
            .and_then(|()| relay(&mut from_client, &mut to_server, request));
        let _ = (from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both));
    });
    let (mut from_server, mut to_client) = (server, client);
    thread::spawn(move || {
        let answer = || answers.passes(Sender::Server, number);
        let _ = relay(&mut from_server, &mut to_client, answer);
        let _ = (from_server.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
    });
    Ok(())
}

/// Passes messages on until an end closes or one may not pass.
fn relay(from: &mut impl Read, to: &mut impl Write, passes: impl Fn() -> bool) -> io::Result<()> {
    loop {
        let mut kind = [0];
        from.read_exact(&mut kind)?;
        if !passes() {
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
