//! Files of a process that was killed in the middle of writing.
//!
//! A bench starts itself again as the writer, which its `main` asks for first: see [`write_if_asked`].

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use crate::{Folder, Indexes, Rally, Sqlite, Subject, fixture};

/// The subject that a writer opens, and the folder of its file.
const WRITER: &str = "RALLY_BENCH_WRITER";

/// Bulks of 100 that a writer is left to write.
const BULKS: usize = 20;

/// A kind of file that can be left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// Rally's, on redb.
    Redb,
    /// SQLite's.
    Sqlite(Indexes),
}

impl File {
    const ALL: [Self; 3] = [Self::Redb, Self::Sqlite(Indexes::Bare), Self::Sqlite(Indexes::Same)];

    const fn name(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            Self::Sqlite(Indexes::Bare) => "sqlite-bare",
            Self::Sqlite(Indexes::Same) => "sqlite-same",
        }
    }

    /// Opens the file in a folder.
    #[must_use]
    pub fn open(self, folder: Folder) -> Box<dyn Subject> {
        match self {
            Self::Redb => Box::new(Rally::of_folder(folder)),
            Self::Sqlite(indexes) => Box::new(Sqlite::of_folder(folder, indexes)),
        }
    }

    /// Lets another process write to the file in a folder, and kills it (SIGKILL) in the middle of that.
    ///
    /// # Panics
    /// Panics if the process cannot be started.
    pub fn write_and_kill(self, folder: &Folder) {
        let place = format!("{}:{}", self.name(), folder.path().display());
        let program = env::current_exe().expect("the path of this program");
        let mut writer = Command::new(program)
            .args(env::args().skip(1))
            .env(WRITER, place)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a writer");
        let told = BufReader::new(writer.stdout.take().expect("an output")).lines();
        assert_eq!(told.take(BULKS).count(), BULKS, "the writer ended by itself");
        writer.kill().expect("a process that can be killed");
        writer.wait().expect("its end");
    }
}

/// Writes until it is killed, if this process was started for that.
///
/// # Panics
/// Panics if the file that it is to write to cannot be opened.
pub fn write_if_asked() {
    let Ok(place) = env::var(WRITER) else { return };
    let (name, folder) = place.split_once(':').expect("a file and its folder");
    let file = File::ALL.into_iter().find(|file| file.name() == name).expect("a kind of file");
    let subject = file.open(Folder::of_another_process(folder));
    for number in 0.. {
        subject.bulk(&fixture::bulk((1 << 50) + number * 100, 100));
        writeln!(std::io::stdout(), "{number}").expect("an output");
    }
}
