use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::{Mutex, RwLock};
use xxhash_rust::xxh3::xxh3_64;

use crate::pages::{self, Claim, Layout, Rows};

/// The verification of each page that is read from the disk.
///
/// redb's pages have the checksums of those below them, but it compares them only when it recovers a file. As a page is
/// always read after the one above it, what is to be expected of it is known by then: each page that proves right tells
/// of those below, and for a page that was written it is known what was written.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    layout: OnceLock<Layout>,
    /// What is expected of each page, by its number in the file.
    expected: RwLock<Vec<Expected>>,
    /// The kinds of rows that there are, which are few.
    kinds: Mutex<Vec<Rows>>,
    /// Set once a page that is not as expected is damage, and not a commit that a crash has torn.
    is_strict: AtomicBool,
}

/// Eight bytes a page: seven of its checksum, and the kind of its rows.
#[derive(Clone, Copy, Debug, Default)]
struct Expected(u64);

/// The kind of a page that nothing is known of.
const UNKNOWN: u64 = 0;
/// The kind of a page that was written, all of whose bytes are known.
const WRITTEN: u64 = 1;
/// The kinds of rows come behind those.
const FIRST_KIND: u64 = 2;
const KINDS: u64 = 1 << 7;
/// Set once the page has told of those below. It stays true, as no page is written in place.
const HAS_TOLD: u64 = KINDS;

impl Expected {
    fn new(checksum: u64, kind: u64) -> Self {
        Self((checksum << 8) | (kind % KINDS))
    }

    fn kind(self) -> u64 {
        self.0 % KINDS
    }

    fn has_told(self) -> bool {
        self.0 & HAS_TOLD != 0
    }
}

/// Equal if the same bytes are expected.
impl PartialEq for Expected {
    fn eq(&self, other: &Self) -> bool {
        (self.0 ^ other.0) & !HAS_TOLD == 0
    }
}

impl Verifier {
    /// Begins with the head of a file, whose checksums redb compares itself.
    pub(crate) fn begin(&self, head: &[u8]) {
        let Some(layout) = Layout::of_head(head) else { return };
        let layout = self.layout.get_or_init(|| layout);
        let mut roots = Vec::new();
        pages::roots(head, layout, |claim| roots.push(self.claimed(layout, &claim)));
        self.set(roots.into_iter().flatten());
        if !pages::needs_recovery(head) {
            self.be_strict();
        }
    }

    /// Takes all that is not as expected for damage from now on.
    pub(crate) fn be_strict(&self) {
        self.is_strict.store(true, Ordering::Release);
    }

    /// Says whether a page that was read is what it should be, as far as that is known.
    pub(crate) fn is_right(&self, offset: u64, page: &[u8]) -> bool {
        let Some(layout) = self.layout.get() else { return true };
        let expected = self.expected(layout, offset);
        let is_right = match (expected.kind(), self.rows(expected.kind())) {
            (WRITTEN, _) => Expected::new(xxh3_64(page), WRITTEN) == expected,
            (kind, Some(rows)) => {
                let found = pages::checksum(page, rows);
                found.is_some_and(|checksum| Expected::new(low(checksum), kind) == expected)
                    && (expected.has_told() || self.tell(layout, offset, page, rows).is_some())
            }
            (_, None) => true,
        };
        is_right || !self.is_strict.load(Ordering::Acquire)
    }

    /// Takes note of a page that was written.
    pub(crate) fn wrote(&self, offset: u64, page: &[u8]) {
        if let Some(number) = self.layout.get().and_then(|layout| number(layout, offset)) {
            self.set([(number, Expected::new(xxh3_64(page), WRITTEN))]);
        }
    }

    /// Takes note of what a page that is right says of those below.
    fn tell(&self, layout: &Layout, offset: u64, page: &[u8], rows: Rows) -> Option<()> {
        let mut below = Vec::new();
        pages::below(page, rows, layout, |claim| below.push(self.claimed(layout, &claim)))?;
        self.set(below.into_iter().flatten());
        // Reading the page again tells nothing new.
        if let Some(place) = self.expected.write().get_mut(number(layout, offset)?) {
            place.0 |= HAS_TOLD;
        }
        Some(())
    }

    /// The number of a page, and what is said of it.
    fn claimed(&self, layout: &Layout, claim: &Claim) -> Option<(usize, Expected)> {
        let kind = self.kind(claim.rows).unwrap_or(UNKNOWN);
        Some((number(layout, claim.offset)?, Expected::new(low(claim.checksum), kind)))
    }

    fn expected(&self, layout: &Layout, offset: u64) -> Expected {
        let number = number(layout, offset);
        number.and_then(|number| self.expected.read().get(number).copied()).unwrap_or_default()
    }

    fn set(&self, pages: impl IntoIterator<Item = (usize, Expected)>) {
        let mut all = self.expected.write();
        for (number, expected) in pages {
            if all.len() <= number {
                all.resize(number + 1, Expected::default());
            }
            if let Some(place) = all.get_mut(number)
                && *place != expected
            {
                *place = expected;
            }
        }
    }

    /// The number of a kind of rows; `None` if there are too many.
    fn kind(&self, rows: Rows) -> Option<u64> {
        let mut kinds = self.kinds.lock();
        let index = kinds.iter().position(|kind| *kind == rows).unwrap_or_else(|| {
            kinds.push(rows);
            kinds.len() - 1
        });
        u64::try_from(index).ok().map(|index| index + FIRST_KIND).filter(|kind| *kind < KINDS)
    }

    fn rows(&self, kind: u64) -> Option<Rows> {
        let index = usize::try_from(kind.checked_sub(FIRST_KIND)?).ok()?;
        self.kinds.lock().get(index).copied()
    }
}

/// The part of a checksum that is remembered.
fn low(checksum: u128) -> u64 {
    u64::try_from(checksum & u128::from(u64::MAX)).unwrap_or_default()
}

fn number(layout: &Layout, offset: u64) -> Option<usize> {
    usize::try_from(offset / layout.page_bytes).ok()
}
