//! The socket by which the operator reaches a server that has a file to itself: beside the file, for whoever the server runs as
//! and for root alone.
//!
//! A request is one line of JSON, and the answer is a line for each piece of news.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rally_core::{Engine, TenantFile};
use serde::{Deserialize, Serialize};
use tokio::{net::UnixListener, task::spawn_blocking};

use crate::{
    backup::{self, News},
    failure::Failure,
    store::Location,
    tenant_files,
};

/// Bytes of a request, at most.
const REQUEST_BYTES: u64 = 64 << 10;
/// The longest that a client may take to say what it wants, or to hear the news.
const PATIENCE: Duration = Duration::from_secs(10);

/// The socket of the server that has a store; `None` for a store that others may open beside it.
pub(crate) fn path_of(location: &Location) -> Option<PathBuf> {
    let Location::Redb(path) = location else { return None };
    let mut path = path.as_os_str().to_owned();
    path.push(".admin");
    Some(PathBuf::from(path))
}

/// A request to a server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Backup(backup::Request),
    Tenant(tenant_files::Request),
}

/// The answer of a server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// News of a backup.
    Backup(News),
    /// The tenant is in its file.
    Tenant(TenantFile),
    /// It is done, and nothing follows.
    Done,
    /// It has failed.
    Failed(String),
}

/// A socket that is open; it goes with this.
#[derive(Debug)]
pub(crate) struct Open(PathBuf);

impl Drop for Open {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Answers at the socket of a store for as long as the answer lives. Whoever has the store has the socket, so one that
/// is left over from a server that was killed is replaced.
pub(crate) fn answer(engine: &Engine, location: &Location) -> Option<Open> {
    let path = path_of(location)?;
    match listen(&path) {
        Ok((listener, owner)) => {
            tokio::spawn(accept(listener, owner, engine.clone()));
            Some(Open(path))
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "there is no socket for `rally backup` and `rally tenants export` while the server runs");
            None
        }
    }
}

fn listen(path: &Path) -> io::Result<(UnixListener, u32)> {
    if fs::symlink_metadata(path).is_ok_and(|known| known.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    let owner = fs::metadata(path)?.uid();
    Ok((listener, owner))
}

async fn accept(listener: UnixListener, owner: u32, engine: Engine) {
    let one_at_a_time = Arc::new(Mutex::new(()));
    while let Ok((stream, _)) = listener.accept().await {
        // Before the socket had its permissions, anybody may have come in.
        let is_allowed = stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0);
        let Ok(stream) = stream.into_std() else { continue };
        if !is_allowed {
            continue;
        }
        let (engine, one_at_a_time) = (engine.clone(), Arc::clone(&one_at_a_time));
        // The client hears of failures, and nobody waits for the end.
        drop(spawn_blocking(move || serve(&engine, &one_at_a_time, stream)));
    }
}

/// Does what one client asks for.
fn serve(engine: &Engine, one_at_a_time: &Mutex<()>, mut stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?.take(REQUEST_BYTES)).read_line(&mut line)?;
    let done = match (serde_json::from_str::<Request>(&line), one_at_a_time.try_lock()) {
        (Err(error), _) => Err(Failure::new(format!("the server does not understand the request: {error}"))),
        (_, None) => Err(Failure::new("another backup or export is under way; try again when it has ended")),
        (Ok(request), Some(_only)) => logged(engine, &request, &mut stream),
    };
    tell(
        &mut stream,
        &match done {
            Ok(()) => Said::Done,
            Err(failure) => Said::Failed(failure.to_string()),
        },
    )
}

/// Does what a client asks for, and has the log know.
fn logged(engine: &Engine, request: &Request, stream: &mut UnixStream) -> Result<(), Failure> {
    let what = match request {
        Request::Backup(_) => "backup",
        Request::Tenant(_) => "export of a tenant",
    };
    tracing::info!("a {what} begins");
    let done = match request {
        Request::Backup(request) => {
            backup::run(engine, request, &mut |news| tell(stream, &Said::Backup(news)))
        }
        Request::Tenant(request) => tenant_files::run(engine, request).and_then(|told| {
            tell(stream, &Said::Tenant(told)).map_err(|error| Failure::new(error.to_string()))
        }),
    };
    match &done {
        Ok(()) => tracing::info!("the {what} is whole"),
        Err(failure) => tracing::error!(%failure, "the {what} has failed"),
    }
    done
}

fn tell(stream: &mut UnixStream, said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// The failure for something that a server says of another request.
pub(crate) fn otherwise(said: &Said) -> Failure {
    Failure::new(format!("the server answers otherwise: {said:?}"))
}

/// A server that answers at its socket.
pub(crate) struct Server(UnixStream);

impl Server {
    /// The server that has a store; `None` if there is none, or none any more.
    pub(crate) fn of(location: &Location) -> Option<Self> {
        UnixStream::connect(path_of(location)?).ok().map(Self)
    }

    /// Has the server do something, to its end; an error of whoever hears what it says ends it.
    pub(crate) fn ask(
        mut self,
        request: &Request,
        hear: &mut dyn FnMut(Said) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let gone = |error: io::Error| Failure::new(format!("the server has gone away: {error}"));
        let mut line = serde_json::to_vec(request).map_err(|error| gone(error.into()))?;
        line.push(b'\n');
        self.0.write_all(&line).map_err(gone)?;
        for line in BufReader::new(self.0).lines() {
            match serde_json::from_str(&line.map_err(gone)?).map_err(|error| gone(error.into()))? {
                Said::Done => return Ok(()),
                Said::Failed(sentence) => return Err(Failure::new(format!("the server says: {sentence}"))),
                said => hear(said)?,
            }
        }
        Err(gone(io::ErrorKind::UnexpectedEof.into()))
    }
}
