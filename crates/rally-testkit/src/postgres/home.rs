use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// A socket's path has at most 103 bytes on every system; this leaves enough for the names below.
const PATH_BYTES: usize = 64;

/// The folder of one server, which belongs to the user that runs it.
pub(super) struct Home {
    path: PathBuf,
    account: Option<Account>,
}

/// The user as whom a process of root runs the server, since the server refuses to be run by root.
struct Account {
    user: u32,
    group: u32,
}

impl Home {
    /// Creates a folder. The keeper of the server removes it, since that must happen even if this process is killed.
    pub(super) fn make() -> Self {
        let root =
            tempfile::tempfile().and_then(|file| file.metadata()).expect("the owner of a file").uid() == 0;
        let account = root.then(Account::find);
        let parent = env::temp_dir();
        let parent = if is_fit(&parent, root) { &parent } else { Path::new("/tmp") };
        let folder = tempfile::Builder::new().prefix("rally-pg-").tempdir_in(parent).expect("a folder");
        let home = Self { path: folder.keep(), account };
        home.give_away(&home.path);
        home
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file below the folder, or replaces it: readable by the server's user alone, as a private key must be.
    pub(super) fn place(&self, name: &str, bytes: &[u8]) {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(bytes)).expect("a file is written");
        self.give_away(&path);
    }

    /// Makes a command run in the folder, as the server's user.
    pub(super) fn host(&self, command: &mut Command) {
        command.current_dir(&self.path);
        if let Some(account) = &self.account {
            command.uid(account.user).gid(account.group);
        }
    }

    fn give_away(&self, path: &Path) {
        if let Some(account) = &self.account {
            chown(path, Some(account.user), Some(account.group)).expect("root gives a file away");
        }
    }
}

impl Account {
    fn find() -> Self {
        let users = fs::read_to_string("/etc/passwd").expect("the list of users");
        let named = |name: &str| users.lines().find_map(|line| Self::parse(line, name));
        named("postgres").or_else(|| named("nobody")).expect("a user for the server: postgres or nobody")
    }

    /// Reads a line of the list: name, password, user, group, and more.
    fn parse(line: &str, name: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(name)?.strip_prefix(':')?.split(':').skip(1);
        Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    }
}

/// True when a socket's path fits below a folder, a URL and a shell can name the folder as it is, and the server's
/// user can reach it.
fn is_fit(folder: &Path, for_another: bool) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let name = folder.as_os_str().as_bytes();
    let allows =
        |folder: &Path, mode| fs::metadata(folder).is_ok_and(|data| data.permissions().mode() & mode == mode);
    let open = || allows(folder, 0o003) && folder.ancestors().all(|above| allows(above, 0o001));
    folder.is_absolute() && name.len() <= PATH_BYTES && name.iter().all(plain) && (!for_another || open())
}
