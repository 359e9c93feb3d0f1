//! The check of the archive that a workbook is, before anything of it is parsed: each file in it is inflated once, no
//! further than the limits let it, as the sizes that an archive states need not be true.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::{
    super::{
        WorkbookLimits,
        faults::{bad_file, unreadable},
    },
    markup::Markup,
};
use crate::base::{Error, count};

/// A file of a workbook that is smaller than this when it is inflated is not judged by its ratio.
const SMALL: u64 = 1024 * 1024;

/// The sums over all files of an archive.
#[derive(Default)]
struct Sums {
    inflated: u64,
    cells: u64,
    formulas: u64,
    strings: u64,
    kept: u64,
}

/// Checks that an archive keeps the limits; answers the number of tags that may be formulas of cells.
pub(crate) fn check(mut file: impl Read + Seek, limits: &WorkbookLimits) -> Result<u64, Error> {
    let size = file.seek(std::io::SeekFrom::End(0)).map_err(unreadable)?;
    if size > limits.bytes {
        return Err(bad_file(format!("is larger than {} bytes, which no workbook may be", limits.bytes)));
    }
    let mut archive = ZipArchive::new(file).map_err(|_| damaged())?;
    if archive.len() > limits.entries {
        return Err(bad_file(format!("is a workbook of more than {} files", limits.entries)));
    }
    let mut sums = Sums::default();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| damaged())?;
        // Every part that is not a sheet is kept in memory as a whole.
        let is_sheet = entry.name().map_err(|_| damaged())?.to_lowercase().contains("worksheets/sheet");
        let packed = entry.compressed_size();
        sums.inflate(&mut entry, packed, is_sheet, limits)?;
    }
    Ok(sums.formulas)
}

impl Sums {
    fn inflate(
        &mut self,
        entry: &mut impl Read,
        packed: u64,
        is_sheet: bool,
        limits: &WorkbookLimits,
    ) -> Result<(), Error> {
        let mut markup = Markup::new(limits.piece_bytes);
        let (mut inflated, mut chunk) = (0, vec![0; 64 * 1024]);
        loop {
            let length = entry.read(&mut chunk).map_err(|_| damaged())?;
            let bytes = chunk.get(..length).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            markup.add(bytes);
            inflated += count(length);
            self.inflated += count(length);
            self.kept += if is_sheet { 0 } else { count(length) };
            let is_blown_up = inflated > SMALL && inflated / packed.max(1) > limits.ratio;
            if is_blown_up || self.inflated > limits.inflated_bytes {
                return Err(bad_file("is a workbook that is far larger when it is unpacked"));
            }
            self.check(&markup, limits)?;
        }
        self.cells += markup.cells;
        self.formulas += if is_sheet { markup.formulas } else { 0 };
        self.strings += markup.strings;
        if markup.claimed_strings > markup.strings {
            return Err(bad_file("is a workbook that claims more shared strings than it has"));
        }
        Ok(())
    }

    fn check(&self, markup: &Markup, limits: &WorkbookLimits) -> Result<(), Error> {
        if self.cells + markup.cells > limits.cells {
            return Err(bad_file(format!("is a workbook of more than {} cells", limits.cells)));
        }
        let strings = self.strings + markup.strings;
        if strings > limits.shared_strings || self.kept > limits.kept_bytes {
            return Err(bad_file("is a workbook with more shared strings than are read; save it as CSV"));
        }
        if markup.is_too_long {
            return Err(bad_file("is a workbook with a text that is longer than any program makes"));
        }
        Ok(())
    }
}

pub(crate) fn damaged() -> Error {
    bad_file("is an archive, but no workbook that can be read; save it as .xlsx anew, or as CSV")
}
