//! Bounds of workbooks, which are checked before anything of them is read.

use std::io::Cursor;

use rally_core::{FileLimits, Format, ImportOptions, WorkbookLimits};

use super::export;
use crate::support::{World, told};

/// A workbook with a table of six shared strings.
const SHARED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../rally-testkit/corpus/shared-strings.xlsx"));

/// A workbook with three formulas, one of them without its value.
const FORMULAS: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../rally-testkit/corpus/formulas.xlsx"));

/// Imports a workbook under a bound that it just keeps, and under the next smaller one, which it breaks.
#[track_caller]
fn check(file: &[u8], bound: u64, limits: impl Fn(u64) -> WorkbookLimits, expected: &str) {
    let options =
        |bound| ImportOptions::new().limits(FileLimits { workbook: limits(bound), ..FileLimits::default() });
    let world = World::new();
    let import = |bound| world.acme.contacts().import(Cursor::new(file), &options(bound));
    let refused = world.refused(|| import(bound - 1));
    assert_eq!(told(&refused).1, [format!("file {expected}")]);
    import(bound).unwrap();
}

/// A workbook of ours with one contact.
fn ours() -> Vec<u8> {
    let world = World::new();
    world.add("a@x.example");
    export(world.acme.contacts(), Format::Xlsx)
}

fn size(bound: u64) -> usize {
    usize::try_from(bound).unwrap()
}

#[test]
fn the_bytes_of_a_workbook_are_bounded() {
    let file = ours();
    let length = u64::try_from(file.len()).unwrap();
    let phrase = format!("is larger than {} bytes, which no workbook may be", length - 1);
    check(&file, length, |bytes| WorkbookLimits { bytes, ..WorkbookLimits::default() }, &phrase);
}

#[test]
fn the_files_in_a_workbook_are_bounded() {
    let limits = |bound| WorkbookLimits { entries: size(bound), ..WorkbookLimits::default() };
    check(SHARED, 6, limits, "is a workbook of more than 5 files");
}

#[test]
fn the_cells_of_a_workbook_are_bounded() {
    let limits = |cells| WorkbookLimits { cells, ..WorkbookLimits::default() };
    check(SHARED, 6, limits, "is a workbook of more than 5 cells");
}

#[test]
fn formulas_without_their_values_are_bounded() {
    let limits = |bound| WorkbookLimits { unkept_formulas: size(bound), ..WorkbookLimits::default() };
    check(
        FORMULAS,
        1,
        limits,
        "has more than 0 formulas whose value was not kept; open it, and save it anew",
    );
}

#[test]
fn the_shared_strings_of_a_workbook_are_bounded() {
    let limits = |shared_strings| WorkbookLimits { shared_strings, ..WorkbookLimits::default() };
    check(SHARED, 6, limits, "is a workbook with more shared strings than are read; save it as CSV");
}

/// The least bound with which a workbook is taken.
fn least(limits: impl Fn(u64) -> WorkbookLimits) -> u64 {
    let takes = |bound: u64| {
        let options =
            ImportOptions::new().limits(FileLimits { workbook: limits(bound), ..FileLimits::default() });
        World::new().acme.contacts().import(Cursor::new(SHARED), &options).is_ok()
    };
    let (mut refused, mut taken) = (0, 1 << 20);
    while taken - refused > 1 {
        let middle = (refused + taken) / 2;
        if takes(middle) { taken = middle } else { refused = middle }
    }
    taken
}

#[test]
fn what_a_workbook_is_inflated_to_is_bounded() {
    let limits = |inflated_bytes| WorkbookLimits { inflated_bytes, ..WorkbookLimits::default() };
    let all = least(limits);
    check(SHARED, all, limits, "is a workbook that is far larger when it is unpacked");
    let limits = |kept_bytes| WorkbookLimits { kept_bytes, ..WorkbookLimits::default() };
    let kept = least(limits);
    assert!(kept < all, "a sheet is not kept");
    check(SHARED, kept, limits, "is a workbook with more shared strings than are read; save it as CSV");
}

#[test]
fn a_text_of_a_workbook_is_bounded() {
    let limits = |bound| WorkbookLimits { piece_bytes: size(bound), ..WorkbookLimits::default() };
    let longest = least(limits);
    check(SHARED, longest, limits, "is a workbook with a text that is longer than any program makes");
}
