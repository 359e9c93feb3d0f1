//! Files with damage anywhere, which may be refused and must not be anything else.

use std::io::{Cursor, Read, Write};

use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use rally_core::{Code, FileLimits, ImportOptions};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::support::World;

/// A change to some bytes: the place, the bytes that go, and those that come.
type Damage = (prop::sample::Index, usize, Vec<u8>);

/// Bytes that mean something in one of the formats.
const PIECES: [&[u8]; 18] = [
    b"\"",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\0",
    b"\xFF",
    b"<",
    b">",
    b"</c>",
    b"<c r=\"XFD1048577\">",
    b"<!--",
    b"&#x0;",
    b"r=\"A0\"",
    b"99999999999999999999",
    b"-1",
    b" t=\"s\"",
    b"<f t=\"shared\" si=\"4294967295\" ref=\"A1:XFD9\"/>",
];

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let piece = prop_oneof![
        prop::sample::select(PIECES.to_vec()).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, piece), 1..6)
}

fn damaged(bytes: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, length, piece) in damage {
        let start = place.index(bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, piece.iter().copied());
    }
    bytes
}

/// A runner whose cases a later run repeats.
fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Imports a file that may be anything. It is imported, or refused for what it is.
fn try_file(file: &[u8]) {
    let world = World::new();
    let limits = FileLimits { row_bytes: 10_000, ..FileLimits::default() };
    let result =
        world.acme.contacts().import(Cursor::new(file), &ImportOptions::new().limits(limits).dry_run());
    if let Err(error) = result {
        assert_eq!(error.code(), Code::Validation, "{error:?}");
    }
}

fn corpus(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../rally-testkit/corpus/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn damaged_text_is_imported_or_refused() {
    for name in ["own-export-quoted.csv", "utf-16-le.csv", "sep-line.csv", "ragged.csv"] {
        let file = corpus(name);
        let try_one = |damage: Vec<Damage>| {
            try_file(&damaged(&file, &damage));
            Ok(())
        };
        runner(150).run(&damage(), try_one).unwrap();
    }
}

#[test]
fn damaged_archives_are_refused() {
    for name in ["formulas.xlsx", "shared-strings.xlsx"] {
        let file = corpus(name);
        let try_one = |damage: Vec<Damage>| {
            try_file(&damaged(&file, &damage));
            Ok(())
        };
        runner(150).run(&damage(), try_one).unwrap();
    }
}

/// The files of an archive.
fn parts(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let length = archive.len();
    let part = |index| {
        let mut part = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        (part.name().unwrap().into_owned(), bytes)
    };
    (0..length).map(part).collect()
}

fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn workbooks_with_damaged_parts_are_imported_or_refused() {
    for name in ["formulas.xlsx", "shared-strings.xlsx", "dates.xlsx", "text-and-numbers.xlsx"] {
        let whole = parts(&corpus(name));
        let try_one = |(which, damage): (prop::sample::Index, Vec<Damage>)| {
            let mut parts = whole.clone();
            let which = which.index(parts.len());
            parts[which].1 = damaged(&parts[which].1, &damage);
            try_file(&packed(&parts));
            Ok(())
        };
        let strategy = (any::<prop::sample::Index>(), damage());
        runner(300).run(&strategy, try_one).unwrap();
    }
}
