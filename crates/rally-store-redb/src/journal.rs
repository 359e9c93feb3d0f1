//! The journal: a ring of records in the file, each of which makes a commit durable by one write through the cache, or by
//! a sync where there are none.

use std::io;

use bytes::Bytes;

use crate::{
    Durability, OpenError,
    layout::Layout,
    record::{self, Head, Kind, Record},
    storage::{Io, Storage},
};

/// The space ahead of the records that is made the file's at once, so that most of them are written as data alone.
const AHEAD_BYTES: u64 = 1 << 20;
/// The bytes from which on a record gets space by itself: it needs so much that writing it ahead costs more than it saves.
const LARGE_BYTES: u64 = 64 << 10;
/// The most that is read at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// A moment in the journal: behind a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The number of the record.
    pub(crate) number: u64,
    /// The place behind it.
    pub(crate) at: u64,
}

/// The journal of a file that is open. Records stand one behind the other, and go on at its beginning when they come to
/// its end.
#[derive(Debug)]
pub(crate) struct Journal {
    layout: Layout,
    end: Mark,
    /// The bytes from the beginning that are known to be the file's.
    owned: u64,
}

/// A record that is not durable.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: io::Error,
    /// Set unless it is certain that nothing of it will ever be found.
    pub(crate) has_trace: bool,
}

impl Journal {
    /// The last record, and the place behind it.
    pub(crate) fn end(&self) -> Mark {
        self.end
    }

    /// Takes note of a commit that is in the tree and needs no record.
    pub(crate) fn skip_to(&mut self, end: Mark) {
        self.end = end;
    }

    /// The most bytes that a record may have, so that one always finds room once all before it are folded.
    pub(crate) fn most_bytes(layout: Layout) -> u64 {
        layout.journal_bytes() / 4
    }

    /// The place of a record of so many bytes, while those from the tail on are needed; `None` if there is none.
    fn room(&self, tail: u64, bytes: u64) -> Option<u64> {
        let (at, capacity) = (self.end.at, self.layout.journal_bytes());
        if at < tail {
            return if at + bytes < tail { Some(at) } else { None };
        }
        let is_behind_nothing = at == tail && at >= capacity / 2;
        if !is_behind_nothing && at + bytes <= capacity {
            Some(at)
        } else if bytes < tail {
            // What is used often stays small, and is written where the file has space already.
            Some(0)
        } else {
            None
        }
    }

    /// True if a record of so many bytes finds a place.
    pub(crate) fn has_room(&self, tail: u64, bytes: usize) -> bool {
        self.room(tail, record::place(bytes)).is_some()
    }

    /// Writes a record, for which there is room, and makes it durable.
    pub(crate) fn append(
        &mut self,
        storage: &Storage,
        tail: u64,
        mut record: Record,
        durability: Durability,
    ) -> Result<(), Failure> {
        let bytes = record::place(record.len());
        let number = self.end.number + 1;
        let full = || Failure { error: io::ErrorKind::StorageFull.into(), has_trace: false };
        let at = self.room(tail, bytes).ok_or_else(full)?;
        let start = self.layout.journal_start() + at;
        let head = record.seal(number);
        let limit = if at < tail { tail } else { self.layout.journal_bytes() };
        if bytes < LARGE_BYTES {
            self.own(storage, at + bytes, limit);
        }
        let prepared = storage.write(start, record.bytes());
        let prepared = prepared.and_then(|()| self.jump(storage, at, number));
        let prepared = match durability {
            Durability::Standard => prepared,
            Durability::Strict => prepared.and_then(|()| storage.commit(start, record.bytes())),
        };
        // A record without its head is none, so that nothing is left of what has failed until here.
        prepared.map_err(|error| Failure { error, has_trace: false })?;
        let written = match durability {
            Durability::Standard => storage.commit(start, record.with(head)),
            Durability::Strict => storage.commit(start, &head),
        };
        written.map_err(|error| Failure { error, has_trace: true })?;
        self.end = Mark { number, at: at + bytes };
        Ok(())
    }

    /// Leads to a record that does not stand behind the one before.
    fn jump(&self, storage: &Storage, to: u64, number: u64) -> Io<()> {
        let from = self.end.at;
        if to == from || from == self.layout.journal_bytes() {
            return Ok(());
        }
        storage.prepare(self.layout.journal_start() + from, &record::jump(number))
    }

    /// Makes the space behind a place the file's, some of it and up to a limit. If that is impossible, the write says so
    /// that needs it.
    fn own(&mut self, storage: &Storage, end: u64, limit: u64) {
        let goal = end.next_multiple_of(AHEAD_BYTES).min(limit);
        if end <= self.owned || goal < end {
            return;
        }
        let zeros = vec![0; usize::try_from(goal - end).unwrap_or_default()];
        if storage.prepare(self.layout.journal_start() + end, &zeros).is_ok() {
            self.owned = goal;
        }
    }
}

/// The journal of a file that is being opened.
pub(crate) struct Replay<'s> {
    storage: &'s Storage,
    layout: Layout,
    place: &'s str,
    from: Mark,
    chunk_start: u64,
    chunk: Bytes,
}

impl<'s> Replay<'s> {
    /// Begins behind what is folded.
    pub(crate) fn new(storage: &'s Storage, layout: Layout, place: &'s str, from: Mark) -> Self {
        Self { storage, layout, place, from, chunk_start: 0, chunk: Bytes::new() }
    }

    /// The bytes of the records that seem to be there.
    pub(crate) fn bytes(&mut self) -> Result<u64, OpenError> {
        let (mut mark, mut bytes) = (self.from, 0u64);
        while let Some((at, head, _)) = self.next_head(mark)? {
            bytes = bytes.saturating_add(head.record_bytes());
            mark = Mark { number: head.number, at: at.saturating_add(head.record_bytes()) };
        }
        Ok(bytes)
    }

    /// Visits the bodies of the records, and the bytes that each has in the journal, and gives the journal behind them.
    pub(crate) fn visit(
        mut self,
        mut visit: impl FnMut(&Bytes, u64) -> Option<()>,
    ) -> Result<Journal, OpenError> {
        let mut end = self.from;
        while let Some((at, head, written)) = self.next_head(end)? {
            let body = self.get(at + record::place(record::HEAD_BYTES), head.body_bytes)?;
            if !body.as_ref().is_some_and(|body| record::is_whole(&written, body)) {
                break;
            }
            body.as_ref().and_then(|body| visit(body, head.record_bytes())).ok_or_else(|| self.damaged())?;
            end = Mark { number: head.number, at: at + head.record_bytes() };
        }
        Ok(Journal { layout: self.layout, end, owned: if end.at == self.from.at { 0 } else { end.at } })
    }

    /// Makes sure that no record stands behind the end, as one can only if others before it are damaged.
    pub(crate) fn check_end(mut self, end: Mark) -> Result<(), OpenError> {
        let step = record::place(record::STEP);
        let mut at = 0;
        while at < self.layout.journal_bytes() {
            if let Some((head, written)) = self.head(at)?
                && head.number > end.number + 1
                && let Some(body) = self.get(at + record::place(record::HEAD_BYTES), head.body_bytes)?
                && record::is_whole(&written, &body)
            {
                return Err(self.damaged());
            }
            at += step;
        }
        Ok(())
    }

    /// The record behind a moment, by its place and its head.
    fn next_head(&mut self, mark: Mark) -> Result<Option<(u64, Head, [u8; record::HEAD_BYTES])>, OpenError> {
        let wanted = mark.number.saturating_add(1);
        for at in [mark.at, 0] {
            match self.head(at)?.filter(|(head, _)| head.number == wanted) {
                Some((head, written)) if head.kind == Kind::Batches => return Ok(Some((at, head, written))),
                Some((_, written)) if record::is_whole(&written, &[]) => {}
                _ if at >= self.layout.journal_bytes() => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn head(&mut self, at: u64) -> Result<Option<(Head, [u8; record::HEAD_BYTES])>, OpenError> {
        let found = self.get(at, record::place(record::HEAD_BYTES))?;
        let written = found.and_then(|bytes| <[u8; record::HEAD_BYTES]>::try_from(bytes.as_ref()).ok());
        Ok(written.and_then(|written| Some((Head::read(&written)?, written))))
    }

    /// Some bytes of the journal; `None` beyond its end.
    fn get(&mut self, at: u64, bytes: u64) -> Result<Option<Bytes>, OpenError> {
        let end = at.saturating_add(bytes);
        if end > self.layout.journal_bytes() {
            return Ok(None);
        }
        if at < self.chunk_start || end > self.chunk_start + record::place(self.chunk.len()) {
            self.read(at, bytes.max(CHUNK_BYTES).min(self.layout.journal_bytes() - at))?;
        }
        let index = |place: u64| usize::try_from(place - self.chunk_start).ok();
        Ok(index(at).zip(index(end)).map(|(start, end)| self.chunk.slice(start..end)))
    }

    fn read(&mut self, at: u64, bytes: u64) -> Result<(), OpenError> {
        let mut chunk = vec![0; usize::try_from(bytes).map_err(|_| self.damaged())?];
        let read = self.storage.read(self.layout.journal_start() + at, &mut chunk);
        read.map_err(|error| OpenError::from_io(self.place, error))?;
        (self.chunk_start, self.chunk) = (at, Bytes::from(chunk));
        Ok(())
    }

    fn damaged(&self) -> OpenError {
        let what = "a record of its journal is not what was written".to_owned();
        OpenError::Damaged { place: self.place.to_owned(), what }
    }
}
