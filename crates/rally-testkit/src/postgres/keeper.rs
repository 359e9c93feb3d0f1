use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use super::home::Home;

const SCRIPT: &str = include_str!("keeper.sh");

/// Lines of a log that tell why something failed.
const LINES: usize = 30;

/// A shell that keeps one server in its own folder, and removes both when this process is gone.
///
/// Its orders come through a pipe. The system closes that when the process ends, even if it is killed, which runs no
/// code of ours.
pub(super) struct Keeper {
    home: Home,
    shell: Child,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// A keeper whose folder is empty yet, and which has a folder of programs before all others.
    pub(super) fn employ(programs: &Path) -> Self {
        let home = Home::make();
        let inherited = env::var_os("PATH").unwrap_or_default();
        let folders = [programs.to_owned()].into_iter().chain(env::split_paths(&inherited));
        let mut command = Command::new("/bin/sh");
        home.place("keeper.sh", SCRIPT.as_bytes());
        command.arg("keeper.sh");
        // None of the variables that PostgreSQL's programs read, and messages that can be searched.
        command.env_clear().env("LC_ALL", "C").env("HOME", home.path());
        command.env("PATH", env::join_paths(folders).expect("what was split can be joined"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Control-C, and a runner that kills a test with its group, are for the test alone.
        command.process_group(0);
        home.host(&mut command);
        let mut shell = command.spawn().expect("a shell starts");
        let answers = BufReader::new(shell.stdout.take().expect("its output is piped"));
        Self { home, shell, answers }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Runs one line of shell, and waits for its end.
    ///
    /// # Errors
    ///
    /// The order, what it printed, and the end of the server's log, if it failed.
    pub(super) fn order(&mut self, order: &str) -> Result<(), String> {
        match self.ask(order) {
            Ok(answer) if answer.trim_end() == "0" => Ok(()),
            Ok(answer) => Err(self.report(&format!("{order}: {}", answer.trim_end()))),
            Err(error) => Err(format!("{order}: the keeper is gone: {error}")),
        }
    }

    /// Runs an order that must not fail.
    ///
    /// # Panics
    ///
    /// Panics if it fails.
    pub(super) fn obey(&mut self, order: &str) {
        if let Err(report) = self.order(order) {
            panic!("{report}");
        }
    }

    fn ask(&mut self, order: &str) -> io::Result<String> {
        let orders = self.shell.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(orders, "{order}")?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(answer),
        }
    }

    fn report(&self, what: &str) -> String {
        let tail = |name: &str| {
            let bytes = fs::read(self.home.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let skipped = text.lines().count().saturating_sub(LINES);
            text.lines().skip(skipped).map(|line| format!("\n  {line}")).collect::<String>()
        };
        format!("{what}\nit printed:{}\nthe server's log:{}", tail("output"), tail("log"))
    }
}

impl Drop for Keeper {
    /// Ends the orders, and waits until server and folder are gone.
    fn drop(&mut self) {
        // Waiting closes the pipe first.
        let _ = self.shell.wait();
    }
}
