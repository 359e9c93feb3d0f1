use super::Transaction;
use crate::{
    base::{Action, Error, Kind, Timestamp},
    engine::{
        codec::{self, FeedEntryV1, TrimV1},
        keys::spaces,
    },
    store::{Direction, Entry, KeyRange, Snapshot, StoreError, read_instant},
};

/// Entries that one transaction of a trim deletes.
const TRIMMED_AT_ONCE: usize = 10_000;

impl Transaction<'_> {
    /// Deletes some of the feed's entries up to an instant, that one included; true when there are none left.
    ///
    /// The last of them is noted first, so that asking for what is gone is an error from the first moment on.
    pub(crate) fn trim_feed(&mut self, upto: Timestamp) -> Result<bool, Error> {
        self.note_trim(upto)?;
        let mut left = TRIMMED_AT_ONCE;
        for kind in Kind::IN_FEED {
            let gone = self.overlay.scan(&until(*kind, upto), Direction::Forward, left)?;
            left -= gone.len();
            for entry in gone {
                self.forget(*kind, &entry)?;
                self.overlay.delete(entry.key);
            }
        }
        // If as many as may be deleted at once were found, there may be more.
        Ok(left > 0)
    }

    /// Deletes what a record was before the change of an entry: a record's history reaches back as far as the feed.
    fn forget(&mut self, kind: Kind, entry: &Entry) -> Result<(), StoreError> {
        let told: FeedEntryV1 = codec::decode(&entry.value)?;
        if Action::from_number(told.action) != Some(Action::Inserted) {
            let id = told.entity(instant_of(kind, entry)?)?;
            self.overlay.delete(spaces::former(kind, id, told.version));
        }
        Ok(())
    }

    fn note_trim(&mut self, upto: Timestamp) -> Result<(), Error> {
        let mut last: Option<TrimV1> = None;
        for kind in Kind::IN_FEED {
            let newest = self.overlay.scan(&until(*kind, upto), Direction::Backward, 1)?;
            for entry in newest {
                let trim = read_trim(*kind, &entry)?;
                if last.is_none_or(|last| last.number < trim.number) {
                    last = Some(trim);
                }
            }
        }
        let head = self.head_mut();
        // A trim never moves back: of the feed before the mark, some is gone already.
        if let Some(last) = last
            && head.trimmed.is_none_or(|before| before.number < last.number)
        {
            head.trimmed = Some(last);
        }
        Ok(())
    }
}

/// The entries of a kind up to an instant.
fn until(kind: Kind, upto: Timestamp) -> KeyRange {
    KeyRange::prefix(&spaces::feed_of(kind)).until(spaces::feed(kind, upto).successor())
}

fn read_trim(kind: Kind, entry: &Entry) -> Result<TrimV1, StoreError> {
    let FeedEntryV1 { number, .. } = codec::decode(&entry.value)?;
    Ok(TrimV1 { number, instant: instant_of(kind, entry)?.as_micros() })
}

fn instant_of(kind: Kind, entry: &Entry) -> Result<Timestamp, StoreError> {
    let instant = entry.key.after(&spaces::feed_of(kind)).and_then(read_instant);
    instant.ok_or_else(|| StoreError::Corrupt { what: "a key of the feed".to_owned() })
}
