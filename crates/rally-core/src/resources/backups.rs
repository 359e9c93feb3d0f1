//! Backups: all tenants of a store, each as a file, and the directory with them; and back into an empty store.

use std::{
    cell::Cell,
    collections::BTreeSet,
    io::{self, Read, Write},
};

use serde::{Deserialize, Serialize};

use super::{
    TenantFile, TenantParts,
    tenants::{are_any, enlist},
};
use crate::{
    base::{Code, Error, Faults, TenantId, Timestamp, hexadecimal},
    engine::{
        archive::{self, Contents, Filling, Selection},
        codec::{self, FileHeadV1, HeadV1},
        keys::{Breaks, Rest, spaces},
        read,
        session::Engine,
    },
    store::{Abort, Entry, Snapshot},
};

/// The format of backups.
const FORMAT: u32 = 1;

/// A backup: the files that it is made of, and what each holds. It is kept with them, as JSON.
///
/// ```
/// # use rally_core::*;
/// use std::{collections::BTreeMap, io};
///
/// /// Files in memory.
/// #[derive(Default)]
/// struct Files(BTreeMap<String, Vec<u8>>);
///
/// impl BackupTarget for Files {
///     type File = Vec<u8>;
///
///     fn begin(&mut self, _: &str) -> io::Result<Vec<u8>> {
///         Ok(Vec::new())
///     }
///
///     fn end(&mut self, file: Vec<u8>, told: &BackupFile) -> io::Result<()> {
///         self.0.insert(told.name.clone(), file);
///         Ok(())
///     }
/// }
///
/// impl BackupSource for Files {
///     type File = io::Cursor<Vec<u8>>;
///
///     fn open(&mut self, name: &str) -> io::Result<Self::File> {
///         self.0.get(name).cloned().map(io::Cursor::new).ok_or(io::ErrorKind::NotFound.into())
///     }
/// }
///
/// # let engine = Engine::new(store::MemoryStore::new());
/// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
/// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
/// let mut files = Files::default();
/// let backup = engine.back_up(&mut files)?;
/// backup.check(&mut files)?;
///
/// let anew = Engine::new(store::MemoryStore::new());
/// anew.restore(&backup, &mut files)?;
/// assert_eq!(anew.tenant("acme")?.trusted_session("docs")?.contacts().get(ada.id)?, ada);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// The number of the format.
    pub format: u32,
    /// The instant at which it was begun.
    pub made_at: Timestamp,
    /// The file of the directory of tenants.
    pub directory: BackupFile,
    /// The files of the tenants.
    pub tenants: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupFile {
    /// The name of the file: that of the tenant, or [`Backup::DIRECTORY`].
    pub name: String,
    /// The id of the tenant.
    pub tenant: TenantId,
    /// The number of the last change in its feed.
    pub last_change: u64,
    /// The instant of that change.
    pub last_changed_at: Timestamp,
    /// Rows of the store.
    pub rows: u64,
    /// The SHA-256 digest of the rows, in hexadecimal digits: the same for the same rows, from any store.
    pub digest: String,
}

/// The place that a backup is written to.
pub trait BackupTarget {
    /// A file that is being written.
    type File: Write;

    /// Begins a file.
    ///
    /// # Errors
    /// The file cannot be written.
    fn begin(&mut self, name: &str) -> io::Result<Self::File>;

    /// Ends a file, so that it outlives a crash, and hears what is in it.
    ///
    /// # Errors
    /// The file cannot be written to its end.
    fn end(&mut self, file: Self::File, told: &BackupFile) -> io::Result<()>;
}

/// The place that a backup is read from.
pub trait BackupSource {
    /// A file that is being read.
    type File: Read;

    /// Opens a file of the backup. It is opened more than once.
    ///
    /// # Errors
    /// The file cannot be read.
    fn open(&mut self, name: &str) -> io::Result<Self::File>;
}

/// A tenant that was put back from a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredTenant {
    /// The tenant.
    pub tenant: TenantId,
    /// The file.
    pub file: BackupFile,
    /// The number above which its feed goes on. Those from the last change of the file up to it may have been given to
    /// changes that are not in the file.
    pub goes_on_after: u64,
}

impl Backup {
    /// The name of the directory's file, which no tenant can have.
    pub const DIRECTORY: &'static str = "DIRECTORY";

    /// Reads all files to their ends, and compares them with what the backup says of them.
    ///
    /// # Errors
    /// [`Code::Validation`] when a file is damaged, or another than the backup says, and [`Code::Unavailable`] when one
    /// cannot be read.
    pub fn check<S: BackupSource>(&self, source: &mut S) -> Result<(), Error> {
        if self.format != FORMAT {
            let detail = format!("is of format {}, and this program knows format {FORMAT}", self.format);
            return Err(Faults::one("backup", detail).into());
        }
        let mut seen = BTreeSet::from([TenantId::DIRECTORY]);
        read_one(&self.directory, source, &mut |_| Ok(()))?;
        for file in &self.tenants {
            if !seen.insert(file.tenant) {
                return Err(not_as_told(file, "names a tenant twice"));
            }
            read_one(file, source, &mut |_| Ok(()))?;
        }
        Ok(())
    }
}

impl BackupFile {
    fn of(name: &str, told: TenantFile) -> Self {
        Self {
            name: name.to_owned(),
            tenant: told.tenant,
            last_change: told.last_change,
            last_changed_at: told.last_changed_at,
            rows: told.rows,
            digest: told.digest,
        }
    }
}

impl Engine {
    /// Writes a backup of the whole store, while others write: each tenant as it is at one moment. What it answers is to be
    /// kept with the files.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the store cannot answer, or the place cannot be written to.
    pub fn back_up<T: BackupTarget>(&self, target: &mut T) -> Result<Backup, Error> {
        let made_at = self.clock().now();
        // The directory comes first: each tenant in it is then at least as new as its entry there.
        let directory = write_one(target, Backup::DIRECTORY, |out| self.export_directory(out))?;
        let mut tenants = Vec::new();
        for tenant in self.tenants()? {
            let slug = &tenant.slug;
            tenants.push(write_one(target, slug, |out| self.export_tenant(slug, out, TenantParts::ALL))?);
        }
        Ok(Backup { format: FORMAT, made_at, directory, tenants })
    }

    fn export_directory(&self, out: impl Write) -> Result<TenantFile, Error> {
        let directory = self.directory();
        let snapshot = directory.snapshot()?;
        let (number, changed_at) = read::last_change(&*snapshot)?;
        let head = FileHeadV1 {
            layout: spaces::LAYOUT,
            tenant: TenantId::DIRECTORY.as_uuid().into_bytes(),
            slug: String::new(),
            settings: Vec::new(),
            parts: TenantParts::ALL.bits(),
            made_at: self.clock().now().as_micros(),
            number,
            changed_at: changed_at.as_micros(),
        };
        let written = archive::write(&*snapshot, &head, &Selection::default(), out)?;
        Ok(TenantFile::of(&Contents { head, rows: written.rows, digest: written.digest }))
    }

    /// Puts a backup into an empty store: all of it or, seen by anybody, nothing. A store on which a restore was interrupted
    /// counts as empty, and what that has left is deleted.
    ///
    /// Every feed goes on above all numbers and instants that the old store can have given since, if the clocks of both
    /// machines agree to within [`limits::CLOCKS_APART_SECONDS`](crate::limits::CLOCKS_APART_SECONDS), and has another
    /// epoch.
    ///
    /// # Errors
    /// [`Code::Conflict`] when there are tenants in the store; those of [`Backup::check`]; and [`Code::Unavailable`].
    pub fn restore<S: BackupSource>(
        &self,
        backup: &Backup,
        source: &mut S,
    ) -> Result<Vec<RestoredTenant>, Error> {
        backup.check(source)?;
        let directory = Filling::claim(self, TenantId::DIRECTORY, &is_empty)?;
        for tenant in directory.noted()? {
            Filling::begin_own(self, tenant, &|| directory.note(tenant))?.abandon()?;
        }
        let (mut restored, mut subscribed) = (Vec::new(), Vec::new());
        for file in &backup.tenants {
            directory.note(file.tenant)?;
            let filling = Filling::begin_own(self, file.tenant, &|| directory.note(file.tenant))?;
            let (goes_on_after, is_subscribed) = self.restore_one(filling, file, source)?;
            if is_subscribed {
                subscribed.push(file.tenant);
            }
            restored.push(RestoredTenant { tenant: file.tenant, file: file.clone(), goes_on_after });
        }
        let mut rows = Vec::new();
        read_one(&backup.directory, source, &mut |more| {
            rows.extend(more);
            Ok(())
        })?;
        self.publish_directory(directory, &rows, &subscribed)?;
        for tenant in &restored {
            self.forget_tenant(tenant.tenant);
        }
        subscribed.iter().for_each(|tenant| self.agenda().note(*tenant));
        Ok(restored)
    }

    /// Puts the rows of one tenant back, and compares what is then there with the file. Answers the number above which its
    /// feed goes on, and true if somebody subscribes to its events.
    fn restore_one<S: BackupSource>(
        &self,
        filling: Filling<'_>,
        file: &BackupFile,
        source: &mut S,
    ) -> Result<(u64, bool), Error> {
        read_one(file, source, &mut |rows| filling.put(rows, &Selection::default()))?;
        let kept = archive::tally(&*filling.snapshot()?)?;
        if hexadecimal(&kept.digest()) != file.digest {
            return Err(Error::internal(format!("the store has not kept the rows of {:?}", file.name)));
        }
        let (now, epoch) = (self.clock().now(), self.random_id().into_bytes());
        let told = Cell::new((0, false));
        filling.finish(&|head, breaks| {
            breaks.pass_over(file.tenant, head, now, epoch, Rest::BeginsAnew);
            told.set((head.number, head.is_subscribed));
        })?;
        Ok(told.get())
    }

    /// Puts the directory back in one batch, by which all tenants are there at once.
    fn publish_directory(
        &self,
        directory: Filling<'_>,
        rows: &[Entry],
        subscribed: &[TenantId],
    ) -> Result<(), Error> {
        let (now, epoch) = (self.clock().now(), self.random_id().into_bytes());
        directory.end(&|newest, batch| {
            is_empty(newest)?;
            rows.iter().for_each(|row| batch.put(row.key.clone(), row.value.clone()));
            subscribed.iter().for_each(|tenant| enlist(batch, *tenant));
            let row = |key| rows.iter().find(|row| row.key == key).map(|row| &row.value);
            let head = row(spaces::head());
            let mut head: HeadV1 = head.map_or_else(|| Ok(HeadV1::default()), |row| codec::decode(row))?;
            let mut breaks = Breaks::read(row(spaces::breaks()))?;
            breaks.pass_over(TenantId::DIRECTORY, &mut head, now, epoch, Rest::BeginsAnew);
            batch.put(spaces::head(), codec::encode(&head)?);
            Ok(breaks.save(batch)?)
        })
    }
}

/// Refuses a directory that has tenants.
fn is_empty(directory: &dyn Snapshot) -> Result<(), Abort> {
    if are_any(directory)? { Err(Abort::Refused) } else { Ok(()) }
}

fn write_one<T: BackupTarget>(
    target: &mut T,
    name: &str,
    export: impl FnOnce(&mut T::File) -> Result<TenantFile, Error>,
) -> Result<BackupFile, Error> {
    let mut file = target.begin(name).map_err(archive::unwritable)?;
    let told = BackupFile::of(name, export(&mut file)?);
    target.end(file, &told).map_err(archive::unwritable)?;
    Ok(told)
}

/// Reads a file of a backup to its end, and compares it with what the backup says of it.
fn read_one<S: BackupSource>(
    file: &BackupFile,
    source: &mut S,
    visit: &mut dyn FnMut(Vec<Entry>) -> Result<(), Error>,
) -> Result<(), Error> {
    let named = |error: Error| {
        let detail = format!("the file of {}: {error}", file.name);
        Error::new(error.code(), detail).caused_by(error)
    };
    let input = source.open(&file.name).map_err(archive::unreadable).map_err(named)?;
    let contents = archive::read(input, visit).map_err(named)?;
    if BackupFile::of(&file.name, TenantFile::of(&contents)) == *file {
        Ok(())
    } else {
        Err(not_as_told(file, "is whole, but another one than the backup says"))
    }
}

fn not_as_told(file: &BackupFile, phrase: &str) -> Error {
    Error::new(Code::Validation, format!("the file of {} {phrase}", file.name))
}
