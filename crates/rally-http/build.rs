//! Makes the files that the program serves, of which all but images are deflated. Those of the page under `/docs` are
//! taken as they are out of the archive of Swagger UI, which has seven times as many bytes. Those of the console are its
//! sources without comments and blanks, which browsers have no use for.

#[cfg(feature = "console")]
use std::ffi::OsStr;
use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use miniz_oxide::deflate::compress_to_vec;
use rawzip::{CompressionMethod, ZipArchive};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// The files of the page, which `docs.rs` names as well.
const FILES: [&str; 5] =
    ["favicon-16x16.png", "favicon-32x32.png", "index.css", "swagger-ui-bundle.js", "swagger-ui.css"];

/// Texts that are written by hand and served as they are, each with its name among what is made.
const TEXTS: [(&str, &str); 3] = [
    ("src/docs/guide.html", "guide.html"),
    ("src/fake/demo.json", "fake/demo.json"),
    ("src/fake/openapi.json", "fake/openapi.json"),
];

/// The level of deflating that takes longest and leaves the fewest bytes.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    name_commit()?;
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    let mut told = "cargo::rerun-if-changed=build.rs\ncargo::rerun-if-changed=src/console\n".to_owned();
    for name in FILES {
        fs::write(folder.join(name), packed(name)?)?;
    }
    for (source, name) in TEXTS {
        told += &format!("cargo::rerun-if-changed={source}\n");
        deflate(&fs::read(source)?, &folder.join(name))?;
    }
    #[cfg(feature = "console")]
    pack_console(&folder.join("console"))?;
    if folds_code() {
        told += "cargo::rustc-link-arg-bin=rally=-Wl,--icf=all\n";
        if relocates_in_packs() {
            told += "cargo::rustc-link-arg-bin=rally=-Wl,-z,pack-relative-relocs\n";
        }
    }
    Ok(io::stdout().write_all(told.as_bytes())?)
}

/// True where functions of the same machine code can become one: in a program that is to be small, by the linker that comes
/// with the compiler for this target. Of another linker it is not known whether it can.
fn folds_code() -> bool {
    let told = |name: &str| env::var(name).unwrap_or_default();
    let is_small = matches!(told("OPT_LEVEL").as_str(), "s" | "z");
    let flags = told("CARGO_ENCODED_RUSTFLAGS");
    let is_own = ["linker", "link-arg", "link-self-contained"].iter().any(|flag| flags.contains(flag));
    is_small && !is_own && told("TARGET") == "x86_64-unknown-linux-gnu" && told("RUSTC_LINKER").is_empty()
}

/// True where the places of addresses in the program's data can be told as a bitmap, which has a fiftieth of the bytes: glibc
/// reads it from 2.36 on. A program is for machines with the glibc that it was linked with, or a newer one.
fn relocates_in_packs() -> bool {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let version = told.ok().and_then(|told| String::from_utf8(told.stdout).ok()).unwrap_or_default();
    let mut numbers = version.trim().trim_start_matches("glibc ").split('.').map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(2)), Some(Ok(36..))))
        && env::var_os("HOST") == env::var_os("TARGET")
}

/// Writes a file, deflated.
fn deflate(text: &[u8], to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, compress_to_vec(text, LEVEL))
}

/// Writes the files of the console without what only their readers need.
#[cfg(feature = "console")]
fn pack_console(folder: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir("src/console")? {
        let path = entry?.path();
        let (name, text) = (path.file_name().unwrap_or_default(), fs::read_to_string(&path)?);
        let packed = match path.extension().and_then(OsStr::to_str) {
            Some("js") => with_short_keyword(&without_last_marks(&minifier::js::minify(&text)?.to_string())),
            Some("css") => without_last_marks(&minifier::css::minify(&text)?.to_string()),
            Some("html") => text.replace('\n', ""),
            _ => text,
        };
        deflate(packed.as_bytes(), &folder.join(name))?;
    }
    Ok(())
}

/// Takes out marks before a closing bracket, which part nothing there: no source has an empty statement or a hole.
#[cfg(feature = "console")]
fn without_last_marks(text: &str) -> String {
    text.replace(";}", "}").replace(",}", "}").replace(",]", "]")
}

/// Says `let` in the place of `const`, which nothing but an assignment that no source has can tell from it.
#[cfg(feature = "console")]
fn with_short_keyword(text: &str) -> String {
    [" ", "{", "["]
        .iter()
        .fold(text.to_owned(), |text, next| text.replace(&format!("const{next}"), &format!("let{next}")))
}

/// The bytes of a file as the archive has them.
fn packed(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry()? {
        if is_part(entry.file_path().as_ref(), name) {
            let is_image = name.ends_with(".png");
            let expected = if is_image { CompressionMethod::STORE } else { CompressionMethod::DEFLATE };
            if entry.compression_method() != expected {
                return Err(format!("{name} is packed in another way").into());
            }
            return Ok(archive.get_entry(entry.wayfinder())?.data().to_vec());
        }
    }
    Err(format!("Swagger UI has no {name}").into())
}

/// True if the path of a file in the archive is that of a part of the page: `swagger-ui-5.32.6/dist/swagger-ui.css`.
fn is_part(path: &[u8], name: &str) -> bool {
    let below = path.splitn(2, |byte| *byte == b'/').nth(1).and_then(|path| path.strip_prefix(b"dist/"));
    below == Some(name.as_bytes())
}

/// Names the commit: the one that whoever builds a package says, or the one that is checked out. Builds that are not optimized
/// have none, so that they need not be made anew at each commit.
fn name_commit() -> io::Result<()> {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let mut told = "cargo::rerun-if-env-changed=RALLY_COMMIT\n".to_owned();
    let commit = match env::var("RALLY_COMMIT") {
        Ok(commit) => Some(commit),
        Err(_) if env::var("PROFILE").is_ok_and(|profile| profile == "release") => {
            if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
                told += &format!("cargo::rerun-if-changed={log}\n");
            }
            git(&["rev-parse", "--short=12", "HEAD"])
        }
        Err(_) => None,
    };
    told += &format!("cargo::rustc-env=RALLY_COMMIT={}\n", commit.as_deref().unwrap_or("unknown"));
    io::stdout().write_all(told.as_bytes())
}
