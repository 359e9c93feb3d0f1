use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Once,
};

/// The folder in which Debian and its derivatives keep the programs of each version, outside the search path.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The folder of the server's programs.
///
/// # Panics
///
/// Panics if there are none, and `RALLY_REQUIRE_POSTGRES` is `1`.
pub(super) fn find() -> Option<PathBuf> {
    let found = in_path().or_else(latest_version);
    if found.is_none() {
        missing();
    }
    found
}

/// The folder of the first `postgres` in the search path, with links resolved: the other programs lie beside it.
fn in_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find_map(|folder| {
        let server = fs::canonicalize(folder.join("postgres")).ok()?;
        server.parent().filter(|folder| is_complete(folder)).map(Path::to_owned)
    })
}

fn latest_version() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(|entry| {
        let folder = entry.ok()?.path();
        let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
        Some((version, folder.join("bin")))
    });
    versions.filter(|(_, folder)| is_complete(folder)).max().map(|(_, folder)| folder)
}

fn is_complete(folder: &Path) -> bool {
    ["postgres", "initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
}

fn missing() {
    const WHAT: &str = "PostgreSQL's programs are neither in PATH nor in /usr/lib/postgresql/*/bin";
    assert!(env::var_os("RALLY_REQUIRE_POSTGRES").is_none_or(|value| value != "1"), "{WHAT}");
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Past the test harness, which keeps what the print macros say of a test that passes.
        let line = format!("PostgreSQL tests are skipped: {WHAT} (Debian: apt-get install postgresql)\n");
        let _ = io::stderr().write_all(line.as_bytes());
    });
}
