//! A disk that remembers everything that was done to it, and can say what it would hold had the power failed.
//!
//! ```ignore
//! let disk = CrashDisk::new();
//! let store = RedbStore::with_backend(disk.backend(), Options::default())?;
//! // … a write that was answered:
//! disk.acknowledge(1);
//! disk.visit_images(seed, |image| {
//!     let after = RedbStore::with_backend(CrashDisk::from_image(&image.bytes).backend(), Options::default())?;
//!     // whatever is in `image.acknowledged` must be in `after`
//! });
//! ```

use std::{io, sync::Arc};

use parking_lot::Mutex;
use redb::StorageBackend;

const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

/// The disk. Clones are the same disk, and so is each backend that it gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrashDisk(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    /// The first content of the disk.
    base: Vec<u8>,
    /// The content that reading shows.
    cache: Vec<u8>,
    events: Vec<Event>,
}

enum Event {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
    Synced,
    SyncFailed,
    Acknowledged(u64),
}

/// A content that the disk may have after the power has failed.
pub(crate) struct Image {
    /// The marks of [`CrashDisk::acknowledge`] that were set before.
    pub(crate) acknowledged: Vec<u64>,
    /// The content.
    pub(crate) bytes: Vec<u8>,
    /// The moment of the power failure and what was kept, for the message of a failed test.
    pub(crate) story: String,
}

/// Access to a [`CrashDisk`] for one store.
#[derive(Debug)]
pub(crate) struct CrashBackend(CrashDisk);

impl CrashDisk {
    /// An empty disk.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A disk with this content, all of it synced.
    pub(crate) fn from_image(bytes: &[u8]) -> Self {
        let disk = Disk { base: bytes.to_vec(), cache: bytes.to_vec(), events: Vec::new() };
        Self(Arc::new(Mutex::new(disk)))
    }

    /// A backend over this disk.
    pub(crate) fn backend(&self) -> CrashBackend {
        CrashBackend(self.clone())
    }

    /// Marks this moment: something was answered, so it must be in every later image.
    pub(crate) fn acknowledge(&self, mark: u64) {
        self.0.lock().events.push(Event::Acknowledged(mark));
    }

    /// Has a sync fail as on Linux: what was to be synced is shown to readers, held for clean, and not on the disk.
    pub(crate) fn fail_sync(&self) {
        self.0.lock().events.push(Event::SyncFailed);
    }

    /// The content if the power fails now and only what was synced survives.
    pub(crate) fn synced_image(&self) -> Vec<u8> {
        let disk = self.0.lock();
        let mut replay = Replay::new(&disk.base);
        disk.events.iter().for_each(|event| replay.step(event));
        replay.synced
    }

    /// Shows the images of a power failure before and after each event since the disk was made: nothing kept that was
    /// not synced, all of it, all with the last write torn between sectors, and a random choice of whole and torn pages.
    pub(crate) fn visit_images(&self, seed: u64, mut visit: impl FnMut(Image)) {
        let disk = self.0.lock();
        let mut replay = Replay::new(&disk.base);
        let mut random = Random(seed | 1);
        for (moment, event) in disk.events.iter().enumerate() {
            replay.step(event);
            for (kept, bytes) in replay.images(&mut random) {
                let story = format!("power failed after event {moment}, kept {kept}");
                visit(Image { acknowledged: replay.acknowledged.clone(), bytes, story });
            }
        }
    }
}

/// The disk as it was after some of its events.
struct Replay<'e> {
    synced: Vec<u8>,
    pending: Vec<&'e Event>,
    acknowledged: Vec<u64>,
}

impl<'e> Replay<'e> {
    fn new(base: &[u8]) -> Self {
        Self { synced: base.to_vec(), pending: Vec::new(), acknowledged: Vec::new() }
    }

    fn step(&mut self, event: &'e Event) {
        match event {
            Event::Write { .. } | Event::SetLen(_) => self.pending.push(event),
            Event::Synced => {
                let pending = std::mem::take(&mut self.pending);
                pending.into_iter().for_each(|event| event.apply(&mut self.synced, 1, |_| true));
            }
            Event::SyncFailed => self.pending.clear(),
            Event::Acknowledged(mark) => self.acknowledged.push(*mark),
        }
    }

    fn images(&self, random: &mut Random) -> Vec<(&'static str, Vec<u8>)> {
        let mut images = vec![("only what was synced", self.synced.clone())];
        let Some((last, before)) = self.pending.split_last() else {
            return images;
        };
        let mut prefix = self.synced.clone();
        before.iter().for_each(|event| event.apply(&mut prefix, 1, |_| true));
        let (mut all, mut torn) = (prefix.clone(), prefix);
        last.apply(&mut all, 1, |_| true);
        last.apply(&mut torn, SECTOR_BYTES, |_| random.coin());
        let mut some = self.synced.clone();
        self.pending.iter().for_each(|event| event.apply(&mut some, PAGE_BYTES, |_| random.coin()));
        images.extend([("all", all), ("all, the last one torn", torn), ("some pages", some)]);
        images
    }
}

impl Event {
    /// Does to `bytes` what the event did to the disk; `keep` chooses among its pieces of so many bytes, aligned.
    fn apply(&self, bytes: &mut Vec<u8>, piece_bytes: usize, mut keep: impl FnMut(usize) -> bool) {
        match self {
            Event::Write { offset, data } if piece_bytes == 1 => overwrite(bytes, *offset, data),
            Event::Write { offset, data } => {
                let mut at = 0;
                while at < data.len() {
                    let end = data.len().min(at + piece_bytes - (offset + at) % piece_bytes);
                    if keep(offset + at) {
                        overwrite(bytes, offset + at, &data[at..end]);
                    }
                    at = end;
                }
            }
            Event::SetLen(len) if keep(*len) => bytes.resize(*len, 0),
            _ => {}
        }
    }
}

fn overwrite(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

/// Marsaglia's xorshift: a seed repeats a run, and no crate is needed for it.
struct Random(u64);

impl Random {
    fn coin(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 1 << 40 != 0
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for CrashBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.0.lock().cache.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.0.lock();
        let found = disk.cache.get(place(offset)..place(offset) + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.0.lock();
        disk.cache.resize(place(len), 0);
        disk.events.push(Event::SetLen(place(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.0.lock().events.push(Event::Synced);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.0.lock();
        let event = Event::Write { offset: place(offset), data: data.to_vec() };
        event.apply(&mut disk.cache, 1, |_| true);
        disk.events.push(event);
        Ok(())
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("bytes", &self.cache.len()).field("events", &self.events.len()).finish()
    }
}
