use std::{
    io::{self, BufReader, Read, Seek, Write},
    path::Path,
};

use axum::body::{Body, Bytes};
use futures_util::stream;
use rally_core::{Code, Error};
use tempfile::SpooledTempFile;

use crate::{blocking::on_blocking_thread, budget::Permit};

/// Bytes up to which a file stays in memory.
const IN_MEMORY: usize = 256 << 10;

/// Bytes that are written to the disk, or read from it, at once.
const PIECE: usize = 64 << 10;

/// A file that arrives, on the disk unless it is small. It has no name, and is gone with the process.
#[derive(Debug)]
pub(crate) struct Spool {
    file: SpooledTempFile,
    /// Bytes that are not written yet.
    piece: Vec<u8>,
}

/// A file without bytes, in a folder of temporary files.
pub(crate) fn temporary_file(folder: Option<&Path>) -> SpooledTempFile {
    match folder {
        Some(folder) => SpooledTempFile::new_in(IN_MEMORY, folder),
        None => SpooledTempFile::new(IN_MEMORY),
    }
}

impl Spool {
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self { file: temporary_file(folder), piece: Vec::new() }
    }

    /// Adds bytes to the file.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the disk does not take them.
    pub(crate) async fn write(mut self, bytes: &[u8]) -> Result<Self, Error> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE { self.flush().await } else { Ok(self) }
    }

    async fn flush(self) -> Result<Self, Error> {
        on_blocking_thread(move || {
            let Self { mut file, mut piece } = self;
            file.write_all(&piece).map_err(no_room)?;
            piece.clear();
            Ok(Self { file, piece })
        })
        .await
    }

    /// The whole file, from its beginning.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) async fn finish(self) -> Result<BufReader<SpooledTempFile>, Error> {
        let Self { mut file, .. } = self.flush().await?;
        file.rewind().map_err(no_room)?;
        Ok(BufReader::with_capacity(PIECE, file))
    }
}

fn no_room(cause: io::Error) -> Error {
    Error::new(Code::Unavailable, "the file cannot be kept here at present; try again").caused_by(cause)
}

/// The length of a file, which is then at its beginning.
///
/// # Errors
/// [`Code::Unavailable`] when the disk does not answer.
pub(crate) fn length(file: &mut SpooledTempFile) -> Result<u64, Error> {
    let length = file.stream_position().map_err(no_room)?;
    file.rewind().map_err(no_room)?;
    Ok(length)
}

/// A body that is read from a file while it is sent. What counts the file is kept until then.
pub(crate) fn body(file: SpooledTempFile, permit: Permit) -> Body {
    Body::from_stream(stream::try_unfold((file, permit), async |(mut file, permit)| {
        let (file, piece) = on_blocking_thread(move || {
            let mut piece = Vec::with_capacity(PIECE);
            let most = u64::try_from(PIECE).map_err(Error::internal)?;
            Read::by_ref(&mut file).take(most).read_to_end(&mut piece).map_err(no_room)?;
            Ok((file, piece))
        })
        .await?;
        Ok::<_, Error>(if piece.is_empty() { None } else { Some((Bytes::from(piece), (file, permit))) })
    }))
}
