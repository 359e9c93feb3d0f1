//! The folder of a backup: `manifest.json`, `directory.rally`, and `tenants/SLUG.rally`, all with `.sealed` behind their names if
//! they are encrypted. It is written beside its name, with a file that says that it is unfinished, and gets its name last.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use rally_core::{Backup, BackupFile, BackupSource, BackupTarget, Entropy, SystemEntropy};

use super::{
    News, Told,
    sealed::{Key, SealedReader, SealedWriter},
    throttled::Throttled,
};
use crate::{failure::Failure, tenant_files::private_file};

/// The file that a folder has as long as it is no backup.
const UNFINISHED: &str = "unfinished";
const MANIFEST: &str = "manifest.json";

/// A folder that is being written.
pub(super) struct UnfinishedFolder<'t> {
    to: PathBuf,
    part: PathBuf,
    key: Option<Key>,
    rate: u32,
    told: Told<'t>,
}

/// A folder that is read.
pub(super) struct SavedFolder {
    path: PathBuf,
    key: Option<Key>,
    /// MiB a second that are read at most; 0 for no limit.
    rate: u32,
}

/// A file that is being written.
pub(super) enum Out {
    Plain(Disk),
    Sealed(Box<SealedWriter<Disk>>),
}

type Disk = BufWriter<Throttled<File>>;

impl<'t> UnfinishedFolder<'t> {
    pub(super) fn begin(to: &Path, key: Option<Key>, rate: u32, told: Told<'t>) -> Result<Self, Failure> {
        if to.exists() {
            return Err(Failure::new(format!("there is {} already", to.display())));
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let begun = make(&part);
        begun.map_err(|error| Failure::new(format!("cannot make the folder {}: {error}", part.display())))?;
        Ok(Self { to: to.to_owned(), part, key, rate, told })
    }

    fn create(&self, name: &str) -> io::Result<Out> {
        let file = private_file(&self.part.join(named(name, self.key.as_ref())))?;
        let disk = BufWriter::new(Throttled::new(file, self.rate));
        Ok(match &self.key {
            None => Out::Plain(disk),
            Some(key) => {
                let mut salt = [0; 16];
                SystemEntropy.fill(&mut salt);
                Out::Sealed(Box::new(SealedWriter::begin(disk, key, salt)?))
            }
        })
    }

    /// Writes what the files are.
    pub(super) fn put_manifest(&mut self, backup: &Backup) -> Result<(), Failure> {
        let put = || {
            let mut out = self.create(MANIFEST)?;
            serde_json::to_writer_pretty(&mut out, backup)?;
            out.write_all(b"\n")?;
            out.finish()
        };
        put().map_err(|error: io::Error| {
            Failure::new(format!("cannot write the manifest in {}: {error}", self.part.display()))
        })
    }

    /// The folder that was written, to be read, no faster than it was written: others use the store meanwhile.
    pub(super) fn saved(&self) -> SavedFolder {
        SavedFolder { path: self.part.clone(), key: self.key.clone(), rate: self.rate }
    }

    /// Gives the folder its name.
    pub(super) fn finish(self) -> Result<Told<'t>, Failure> {
        let finished = sync(&self.part.join("tenants"))
            .and_then(|()| fs::remove_file(self.part.join(UNFINISHED)))
            .and_then(|()| sync(&self.part))
            .and_then(|()| fs::rename(&self.part, &self.to))
            .and_then(|()| self.to.parent().map_or(Ok(()), sync));
        finished.map_err(|error| Failure::new(format!("cannot name {}: {error}", self.to.display())))?;
        Ok(self.told)
    }
}

/// Makes the folder anew, in place of one that a backup has not finished. Another one is left as it is.
fn make(part: &Path) -> io::Result<()> {
    if part.join(UNFINISHED).exists() {
        clear(part)?;
    }
    // A backup that was killed at once has left no mark in it, nor anything else.
    if fs::read_dir(part).is_ok_and(|mut found| found.next().is_none()) {
        fs::remove_dir(part)?;
    }
    let mut folder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(part)?;
    private_file(&part.join(UNFINISHED))?;
    folder.create(part.join("tenants"))
}

/// Removes all that is in a folder, its mark last, so that who is killed meanwhile leaves one that is not finished.
fn clear(part: &Path) -> io::Result<()> {
    for found in fs::read_dir(part)? {
        let found = found?;
        match found.file_type()? {
            kind if kind.is_dir() => fs::remove_dir_all(found.path())?,
            _ if found.file_name() == UNFINISHED => {}
            _ => fs::remove_file(found.path())?,
        }
    }
    fs::remove_file(part.join(UNFINISHED))
}

/// Makes the names in a folder outlive a crash.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn named(name: &str, key: Option<&Key>) -> PathBuf {
    let path = match name {
        MANIFEST => MANIFEST.to_owned(),
        Backup::DIRECTORY => "directory.rally".to_owned(),
        slug => format!("tenants/{slug}.rally"),
    };
    PathBuf::from(if key.is_some() { path + ".sealed" } else { path })
}

impl BackupTarget for UnfinishedFolder<'_> {
    type File = Out;

    fn begin(&mut self, name: &str) -> io::Result<Out> {
        self.create(name)
    }

    fn end(&mut self, file: Out, told: &BackupFile) -> io::Result<()> {
        file.finish()?;
        (self.told)(News::Written(told.clone()))
    }
}

impl Out {
    /// Brings all to the disk.
    fn finish(self) -> io::Result<()> {
        let disk = match self {
            Out::Plain(disk) => disk,
            Out::Sealed(sealed) => sealed.finish()?,
        };
        disk.into_inner().map_err(io::IntoInnerError::into_error)?.into_inner().sync_all()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Out::Plain(disk) => disk.write(bytes),
            Out::Sealed(sealed) => sealed.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::Plain(disk) => disk.flush(),
            Out::Sealed(sealed) => sealed.flush(),
        }
    }
}

impl SavedFolder {
    pub(super) fn open(path: &Path, key: Option<Key>) -> Result<Self, Failure> {
        if path.join(UNFINISHED).exists() {
            let place = path.display();
            return Err(Failure::new(format!(
                "{place} is a backup that was never finished; take another one"
            )));
        }
        Ok(Self { path: path.to_owned(), key, rate: 0 })
    }

    /// What the files are.
    pub(super) fn manifest(&mut self) -> Result<Backup, Failure> {
        let mut text = Vec::new();
        let read = self.open_named(MANIFEST).and_then(|mut file| file.read_to_end(&mut text));
        let place = self.path.display();
        read.map_err(|error| Failure::new(format!("cannot read the backup in {place}: {error}")))?;
        serde_json::from_slice(&text)
            .map_err(|error| Failure::new(format!("the manifest in {place} is damaged: {error}")))
    }

    fn open_named(&self, name: &str) -> io::Result<Box<dyn Read>> {
        let is_sealed = |key: Option<&Key>| self.path.join(named(name, key)).exists();
        if self.key.is_none() && !is_sealed(None) && self.path.join(format!("{MANIFEST}.sealed")).exists() {
            return Err(io::Error::other("it is encrypted; name its key with --key-file"));
        }
        let file = File::open(self.path.join(named(name, self.key.as_ref())))?;
        let file = BufReader::new(Throttled::new(file, self.rate));
        Ok(match &self.key {
            None => Box::new(file),
            Some(key) => Box::new(SealedReader::begin(file, key)?),
        })
    }
}

impl BackupSource for SavedFolder {
    type File = Box<dyn Read>;

    fn open(&mut self, name: &str) -> io::Result<Self::File> {
        self.open_named(name)
    }
}
