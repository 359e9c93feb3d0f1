//! The pages of a file as redb lays them out (file format 3): which bytes a checksum covers, and what a page says of the
//! pages below it.

use xxhash_rust::xxh3::xxh3_128;

const LEAF: u8 = 1;
const BRANCH: u8 = 2;
const TABLE: u8 = 3;

/// A dummy that stands in pages which are not committed yet.
const DEFERRED: u128 = 999;

/// The bytes at the beginning of a file that are its head.
const HEAD_SLOTS: [usize; 2] = [64, 192];
const RECOVERY_REQUIRED: u8 = 2;

/// The places of pages in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) page_bytes: u64,
    region_head_bytes: u64,
    region_bytes: u64,
}

/// The rows of a tree: their keys and values have a length each or all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The rows are the tables, each of which has a tree of its own.
    Tables,
    Plain {
        key_bytes: Option<usize>,
        value_bytes: Option<usize>,
    },
}

/// What a page, or the head, says of another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) offset: u64,
    pub(crate) checksum: u128,
    pub(crate) rows: Rows,
}

impl Layout {
    pub(crate) fn of_head(head: &[u8]) -> Option<Self> {
        let [page_bytes, head_pages, pages] = [12, 16, 20].map(|offset| long(head, offset));
        let (page_bytes, region_head_bytes) = (page_bytes?, head_pages?.checked_mul(page_bytes?)?);
        let region_bytes = pages?.checked_mul(page_bytes)?.checked_add(region_head_bytes)?;
        if page_bytes == 0 { None } else { Some(Self { page_bytes, region_head_bytes, region_bytes }) }
    }

    /// The place of a page that is named by the bytes at an offset.
    fn named(&self, bytes: &[u8], offset: usize) -> Option<u64> {
        let name = u64::from_le_bytes(array(bytes, offset)?);
        let (order, region) = (name >> 59, (name >> 20) & 0xF_FFFF);
        let index = name & (0xF_FFFF >> order);
        let in_region = index.checked_mul(self.page_bytes.checked_shl(u32::try_from(order).ok()?)?)?;
        let region = region.checked_mul(self.region_bytes)?;
        self.page_bytes.checked_add(region)?.checked_add(self.region_head_bytes)?.checked_add(in_region)
    }
}

/// True if the file was not closed, so that the last commit may be torn.
pub(crate) fn needs_recovery(head: &[u8]) -> bool {
    head.get(9).is_none_or(|flags| flags & RECOVERY_REQUIRED != 0)
}

/// The roots of both commits that the head has.
pub(crate) fn roots(head: &[u8], layout: &Layout, mut visit: impl FnMut(Claim)) {
    for slot in HEAD_SLOTS.into_iter().filter_map(|start| head.get(start..start + 128)) {
        let is_whole = slot.get(..112).map(xxh3_128) == array(slot, 112).map(u128::from_le_bytes);
        for (exists, root) in [(1, 8), (2, 40)] {
            if is_whole
                && slot.get(exists) == Some(&1)
                && let Some(offset) = layout.named(slot, root)
                && let Some(checksum) = array(slot, root + 8).map(u128::from_le_bytes)
            {
                visit(Claim { offset, checksum, rows: Rows::Tables });
            }
        }
    }
}

/// The checksum of a page as the page above has it; `None` for what is no page.
pub(crate) fn checksum(page: &[u8], rows: Rows) -> Option<u128> {
    page.get(..used(page, rows)?).map(xxh3_128)
}

/// Visits what a page says of the pages below it.
pub(crate) fn below(page: &[u8], rows: Rows, layout: &Layout, mut visit: impl FnMut(Claim)) -> Option<()> {
    match page.first() {
        Some(&BRANCH) => {
            let children = count(page)? + 1;
            for child in 0..children {
                let checksum = u128::from_le_bytes(array(page, 8 + 16 * child)?);
                let offset = layout.named(page, 8 + 16 * children + 8 * child)?;
                if checksum != DEFERRED {
                    visit(Claim { offset, checksum, rows });
                }
            }
        }
        Some(&LEAF) if rows == Rows::Tables => {
            for row in 0..count(page)? {
                let value = page.get(value_start(page, row)?..value_end(page, row)?)?;
                if let Some(claim) = table(value, layout) {
                    visit(claim);
                }
            }
        }
        _ => {}
    }
    Some(())
}

/// The root of a table by its description; `None` for an empty one.
fn table(value: &[u8], layout: &Layout) -> Option<Claim> {
    let fixed = |offset: usize| match value.get(offset)? {
        0 => Some(None),
        _ => Some(Some(length(value, offset + 1)?)),
    };
    if value.first() != Some(&TABLE) || value.get(9) != Some(&1) {
        return None;
    }
    let rows = Rows::Plain { key_bytes: fixed(42)?, value_bytes: fixed(47)? };
    let checksum = u128::from_le_bytes(array(value, 18)?);
    let claim = Claim { offset: layout.named(value, 10)?, checksum, rows };
    if checksum == DEFERRED { None } else { Some(claim) }
}

/// The bytes of a page that are in use, which its checksum covers.
fn used(page: &[u8], rows: Rows) -> Option<usize> {
    let (key_bytes, value_bytes) = match rows {
        Rows::Tables => (None, None),
        Rows::Plain { key_bytes, value_bytes } => (key_bytes, value_bytes),
    };
    let entries = count(page)?;
    let last = entries.checked_sub(1)?;
    match *page.first()? {
        BRANCH => {
            let keys = 8 + 24 * (entries + 1);
            match key_bytes {
                Some(bytes) => bytes.checked_mul(entries)?.checked_add(keys),
                None => length(page, keys + 4 * last),
            }
        }
        LEAF => {
            let ends = |bytes: Option<usize>| if bytes.is_none() { 4 * entries } else { 0 };
            let keys_end = match key_bytes {
                Some(bytes) => bytes.checked_mul(entries)?.checked_add(4 + ends(value_bytes))?,
                None => length(page, 4 + 4 * last)?,
            };
            match value_bytes {
                Some(bytes) => bytes.checked_mul(entries)?.checked_add(keys_end),
                None => length(page, 4 + ends(key_bytes) + 4 * last),
            }
        }
        _ => None,
    }
}

/// The bounds of values of any length behind keys of any length.
fn value_end(page: &[u8], row: usize) -> Option<usize> {
    length(page, 4 + 4 * (count(page)? + row))
}

fn value_start(page: &[u8], row: usize) -> Option<usize> {
    match row.checked_sub(1) {
        Some(before) => value_end(page, before),
        None => length(page, 4 + 4 * count(page)?.checked_sub(1)?),
    }
}

fn count(page: &[u8]) -> Option<usize> {
    array(page, 2).map(u16::from_le_bytes).map(usize::from)
}

fn length(bytes: &[u8], offset: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(array(bytes, offset)?)).ok()
}

fn long(bytes: &[u8], offset: usize) -> Option<u64> {
    array(bytes, offset).map(u32::from_le_bytes).map(u64::from)
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

/// Makes a page one that redb reports as damage whenever it comes to it, and never takes for a failure of the disk,
/// after which it would refuse to read anything. It is a branch, none of whose children can be.
pub(crate) fn make_unreadable(page: &mut [u8]) {
    const CHILDREN: usize = 8 + 2 * 16;
    const KEY_END: usize = CHILDREN + 2 * 8;
    const END: u8 = 60;

    page.fill(0);
    // One key without bytes, between two children.
    for (offset, byte) in [(0, BRANCH), (2, 1), (KEY_END, END)] {
        if let Some(place) = page.get_mut(offset) {
            *place = byte;
        }
    }
    if let Some(children) = page.get_mut(CHILDREN..KEY_END) {
        children.fill(0xFF);
    }
}
