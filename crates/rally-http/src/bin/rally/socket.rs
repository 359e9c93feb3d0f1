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
use rally_core::Engine;
use tokio::{net::UnixListener, task::spawn_blocking};

use crate::{
    backup::{self, News, Request, Told},
    failure::Failure,
    store::Location,
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
            tracing::warn!(path = %path.display(), %error, "there is no socket for `rally backup` while the server runs");
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
        (_, None) => Err(Failure::new("another backup is under way; try again when it has ended")),
        (Ok(request), Some(_only)) => {
            tracing::info!("a backup begins");
            let done = backup::run(engine, &request, &mut |news| tell(&mut stream, &news));
            match &done {
                Ok(()) => tracing::info!("the backup is whole"),
                Err(failure) => tracing::error!(%failure, "the backup has failed"),
            }
            done
        }
    };
    match done {
        Ok(()) => Ok(()),
        Err(failure) => tell(&mut stream, &News::Failed(failure.to_string())),
    }
}

fn tell(stream: &mut UnixStream, news: &News) -> io::Result<()> {
    let mut line = serde_json::to_vec(news)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// A server that answers at its socket.
pub(crate) struct Server(UnixStream);

impl Server {
    /// The server at a socket; `None` if there is none, or none any more.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        UnixStream::connect(path).ok().map(Self)
    }

    /// Has the server make a backup, to its end.
    pub(crate) fn back_up(mut self, request: &Request, told: Told<'_>) -> Result<(), Failure> {
        let gone = |error: io::Error| Failure::new(format!("the server has gone away: {error}"));
        let mut line = serde_json::to_vec(request).map_err(|error| gone(error.into()))?;
        line.push(b'\n');
        self.0.write_all(&line).map_err(gone)?;
        for line in BufReader::new(self.0).lines() {
            let news: News =
                serde_json::from_str(&line.map_err(gone)?).map_err(|error| gone(error.into()))?;
            let is_done = matches!(news, News::Done(..));
            if let News::Failed(sentence) = news {
                return Err(Failure::new(sentence));
            }
            told(news).map_err(gone)?;
            if is_done {
                return Ok(());
            }
        }
        Err(gone(io::ErrorKind::UnexpectedEof.into()))
    }
}
