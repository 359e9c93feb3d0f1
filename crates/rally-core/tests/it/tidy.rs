//! Rules of this project that no lint holds.

mod circles;

use std::{
    fs,
    path::{Path, PathBuf},
};

use rally_core::Kind;

const LINES: usize = 500;

/// The layers of the core, from the lowest up.
const LAYERS: [&str; 4] = ["base", "store", "engine", "resources"];

/// The files that may stand at the top level, beside dot-files.
const TOP: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "crates",
    "fuzz",
    "target",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// All Rust sources below a folder, each with its text.
fn sources(below: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("target") {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&entry).unwrap();
            found.push((entry, text));
        }
    }
    found
}

fn everything() -> Vec<(PathBuf, String)> {
    ["crates", "benches", "fuzz"].iter().flat_map(|folder| sources(&root().join(folder))).collect()
}

#[track_caller]
fn none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

fn lines_with(wanted: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in everything() {
        let hits = text.lines().enumerate().filter(|(_, line)| wanted(&path, line));
        found
            .extend(hits.map(|(number, line)| format!("{}:{}: {}", path.display(), number + 1, line.trim())));
    }
    found
}

#[test]
fn imports_point_down() {
    let core = root().join("crates/rally-core/src");
    let mut broken = Vec::new();
    for (layer, above) in LAYERS.iter().enumerate().map(|(at, layer)| (layer, &LAYERS[at + 1..])) {
        for (path, text) in sources(&core.join(layer)) {
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let upward = above.iter().filter(|name| names_layer(code, name));
            broken.extend(upward.map(|name| format!("{} imports {name}", path.display())));
        }
    }
    none("a layer knows only those below it", broken);
}

/// True if code imports from a layer: as `crate::layer`, or as an item of a list behind `crate::{`.
fn names_layer(code: &str, layer: &str) -> bool {
    let code: String = code.split_whitespace().collect();
    let lists = code.split("crate::{").skip(1);
    code.contains(&format!("crate::{layer}::")) || lists.flat_map(first_names).any(|name| name == layer)
}

/// The first name of each item of an import list, up to the brace that closes the list.
fn first_names(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (place, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(list[start..place].split("::").next().unwrap());
                start = place + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

#[test]
fn an_upward_import_would_be_seen() {
    assert!(names_layer("use crate::engine::Session;", "engine"));
    assert!(names_layer("use crate::{\n    base::{Error, Id},\n    engine::{Session},\n};", "engine"));
    assert!(names_layer("use crate::{base::Error, engine::Session};", "engine"));
    assert!(names_layer("use crate::{base::{Error, Id}, engine};", "engine"));
    assert!(!names_layer("use crate::{\n    base::{engine, Id},\n};\nuse other::{engine::X};", "engine"));
}

/// The modules of the engine and those that each may import from.
const MODULES: [(&str, &[&str]); 9] = [
    ("codec", &[]),
    ("schema", &["codec"]),
    ("keys", &["codec", "schema"]),
    ("write", &["codec", "schema", "keys"]),
    ("read", &["codec", "schema", "keys"]),
    ("session", &["codec", "schema", "keys", "write", "read"]),
    ("check", &["codec", "schema", "keys"]),
    ("archive", &["codec", "schema", "keys", "write", "read", "session"]),
    ("files", &["codec", "schema", "keys", "write", "read", "session"]),
];

#[test]
fn the_modules_of_the_engine_import_one_way() {
    let engine = root().join("crates/rally-core/src/engine");
    let module = |file: &str| file.split_once('/').map(|(module, _)| module.to_owned());
    let mut broken = Vec::new();
    for (file, targets) in circles::arrows(&engine) {
        let Some(from) = module(&file) else { continue };
        let known = MODULES.iter().find(|(name, _)| *name == from);
        let (_, below) = known.unwrap_or_else(|| panic!("{from} is a module that this test does not know"));
        for to in targets.iter().filter_map(|target| module(target)) {
            if to != from && !below.contains(&to.as_str()) {
                broken.push(format!("{file} imports {to}"));
            }
        }
    }
    none("a module knows only those below it", broken);
}

#[test]
fn the_engine_names_no_resource() {
    // Tenants are the engine's own word, and callers are users and API keys.
    let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Tenant);
    let names = kinds.flat_map(|kind| [format!("{kind:?}"), type_name(kind.plural())]);
    let parts = ["Settings", "Bant", "Forecast"].map(str::to_owned);
    let nouns: Vec<String> = names.chain(parts).collect();
    let engine = root().join("crates/rally-core/src/engine");
    let mut broken = Vec::new();
    for (path, text) in sources(&engine) {
        let is_of_callers = path.ends_with("session/session.rs");
        let is_known = |noun: &&String| is_of_callers && ["User", "ApiKey"].contains(&noun.as_str());
        let code = code_of(&text);
        let named = nouns.iter().filter(|noun| !is_known(noun) && has_word(&code, noun));
        broken.extend(named.map(|noun| format!("{}: {noun}", path.display())));
    }
    none("the engine is true of every resource", broken);
}

/// A noun of paths as the name of a type: `ApiKeys` of `api-keys`.
fn type_name(plural: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    plural.split('-').map(capital).collect()
}

#[test]
fn the_model_of_a_tenants_records_is_asked_for_in_one_place() {
    let engine = root().join("crates/rally-core/src/engine");
    // Where a tenant is asked, where a type reads itself and filters by its own constants, and where both are made.
    let known = ["schema/tenant.rs", "schema/row.rs", "session/table.rs", "read/query.rs"];
    let mut broken = Vec::new();
    for (path, text) in sources(&engine) {
        let is_known =
            known.iter().any(|known| path.ends_with(known)) || path.to_string_lossy().contains("openapi");
        let asks = |line: &&str| line.contains("::model()") && !is_known;
        broken.extend(code_of(&text).lines().filter(asks).map(|line| format!("{}: {line}", path.display())));
    }
    none("code that handles a tenant's records asks the session for their members", broken);
}

/// Code without comments and tests.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// True when code has a word, as the whole or as a part of a name in camel case.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let is_start =
            before.is_none_or(|letter| !letter.is_ascii_alphabetic() || letter.is_ascii_lowercase());
        is_start && after.is_none_or(|letter| !letter.is_ascii_lowercase())
    })
}

#[test]
fn a_resource_in_the_engine_would_be_seen() {
    assert!(has_word("use Contact;", "Contact"));
    assert!(has_word("fn f(draft: ContactDraft)", "Contact"));
    assert!(!has_word("fn contact() { SuperContactless }", "Contact"));
    assert!(code_of("/// A Contact.\nlet x;").lines().eq(["let x;"]));
}

#[test]
fn files_are_short_enough_to_read() {
    let long = everything().into_iter().filter(|(_, text)| text.lines().count() > LINES);
    none("a file has at most 500 lines", long.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn only_the_codec_knows_how_values_are_encoded() {
    let broken = lines_with(|path, line| {
        let home = path.starts_with(root().join("crates/rally-core/src/engine/codec"));
        !home && !path.ends_with("tidy.rs") && line.contains("bincode")
    });
    none("bincode is named in the codec alone", broken);
}

#[test]
fn nothing_is_left_for_later() {
    let words =
        ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "XX".to_owned() + "X", "HA".to_owned() + "CK"];
    none(
        "what is not done is not in the code",
        lines_with(|_, line| words.iter().any(|word| line.contains(word))),
    );
    let ignored = ["#[ig".to_owned() + "nore", "#[all".to_owned() + "ow("];
    none(
        "nothing is ignored or allowed",
        lines_with(|_, line| ignored.iter().any(|word| line.contains(word))),
    );
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = ["utils", "util", "helpers", "common", "misc"];
    let named =
        |path: &Path| path.file_stem().is_some_and(|stem| drawers.iter().any(|drawer| stem == *drawer));
    let found = everything().into_iter().filter(|(path, _)| named(path));
    none("a module is named for what it holds", found.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn tests_do_not_sleep() {
    let sleep = "thread::sl".to_owned() + "eep";
    none("a test waits for what it waits for", lines_with(|_, line| line.contains(&sleep)));
}

#[test]
fn the_top_level_holds_the_agreed_names_only() {
    let entries =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strange = entries.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()));
    // A store that somebody made by following the README is nobody's fault.
    none("the top level is small", strange.filter(|name| !name.ends_with(".redb")).collect());
}

#[test]
fn versions_stand_in_the_root_manifest_alone() {
    let mut broken = Vec::new();
    for folder in [
        "crates/rally-core",
        "crates/rally-http",
        "crates/rally-store-postgres",
        "crates/rally-store-redb",
        "crates/rally-testkit",
        "benches",
        "fuzz",
    ] {
        let text = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let dependencies =
            text.split("dependencies]").skip(1).flat_map(|section| section.split("\n[").next());
        for line in dependencies.flat_map(str::lines).filter(|line| line.contains('=')) {
            if !line.contains("workspace = true") {
                broken.push(format!("{folder}: {line}"));
            }
        }
    }
    none("a dependency's version stands in the root manifest", broken);
}
