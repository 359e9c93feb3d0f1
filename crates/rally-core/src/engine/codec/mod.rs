//! Encoding of stored values. No other module knows it.
//!
//! A value is an envelope (the kind of row and the number of its format) and a body, which must be decoded to its last
//! byte. Each format has a struct of its own: a new member is a new format, and files of every released format are
//! read.

mod chunk;
mod names;
mod outbox;
mod room;
mod rows;
mod slots;
mod tenant_file;

use bincode::{
    Decode, Encode,
    config::{self, Configuration},
};

pub(crate) use bytes::Bytes;
pub(crate) use chunk::{Chunk, ChunkNumber, ChunkPlace};
pub(crate) use names::{NamedPlace, Names};
pub(crate) use outbox::{
    AttemptV1, BreakerV1, DeliveryV1, EventV1, LeaseV1, OnlyV1, PayloadV1, StandingV1, SubscriptionV1,
    SubscriptionsV1, TaskV1,
};
pub(crate) use room::{Room, WIDE, Wide};
pub(crate) use rows::{
    AnswerBody, AnswerItem, AnswerV1, BackupV1, BreakV1, BreaksV1, FeedEntryV1, FormerState, FormerV1,
    HeadV1, IncarnationV1, ListsV1, MarkV1, NewestV1, NodeV1, RateV1, SecretV1, SecretsV1, SpineNodeV1,
    SumV1, SumsV1, TrimV1,
};
pub(crate) use slots::{MAX_SLOTS, RecordHead, RecordParts, Slot, encode_record};
pub(crate) use tenant_file::{FileEndV1, FileHeadV1, FileRowsV1, FillingV1};

use crate::store::StoreError;

/// Bytes that a body may claim to need while it is decoded, at most.
const DECODE_LIMIT: usize = 32 << 20;

/// A row's struct in one format.
pub(crate) trait Wire: Encode + Decode<()> {
    /// Number of the kind of row.
    const ROW: u8;
    /// Number of its format.
    const FORMAT: u8;
}

fn configuration() -> Configuration<config::LittleEndian, config::Varint, config::Limit<DECODE_LIMIT>> {
    config::standard().with_limit::<DECODE_LIMIT>()
}

/// Bytes of most rows, at most.
const SHORT: usize = 256;

/// The bytes of a row.
pub(crate) fn encode<T: Wire>(row: &T) -> Result<Bytes, StoreError> {
    let mut short = [0; SHORT];
    let [kind, format, body @ ..] = &mut short;
    (*kind, *format) = (T::ROW, T::FORMAT);
    // A row that does not fit is encoded once more, into bytes that grow.
    if let Ok(length) = bincode::encode_into_slice(row, body, configuration())
        && let Some(bytes) = short.get(..2 + length)
    {
        return Ok(Bytes::copy_from_slice(bytes));
    }
    let mut bytes = vec![T::ROW, T::FORMAT];
    bincode::encode_into_std_write(row, &mut bytes, configuration())
        .map_err(|error| StoreError::Backend { source: error.into() })?;
    Ok(bytes.into())
}

/// Reads a row back.
pub(crate) fn decode<T: Wire>(bytes: &[u8]) -> Result<T, StoreError> {
    let body = open_envelope(bytes, T::ROW, T::FORMAT)?;
    let (row, read) = bincode::decode_from_slice(body, configuration())
        .map_err(|error| damaged(T::ROW, &error.to_string()))?;
    if read == body.len() { Ok(row) } else { Err(damaged(T::ROW, "bytes are left over")) }
}

fn open_envelope(bytes: &[u8], row: u8, format: u8) -> Result<&[u8], StoreError> {
    match bytes {
        [found, version, body @ ..] if *found == row && *version == format => Ok(body),
        [found, version, ..] if *found == row => {
            Err(damaged(row, &format!("format {version} was written by a newer version")))
        }
        _ => Err(damaged(row, "another row's bytes")),
    }
}

fn damaged(row: u8, how: &str) -> StoreError {
    StoreError::Corrupt { what: format!("row {row}: {how}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_damaged<T>(result: Result<T, StoreError>) -> bool {
        matches!(result, Err(StoreError::Corrupt { .. }))
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_row_or_damaged_and_never_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode::<ListsV1>(&bytes);
            let _ = decode::<AnswerV1>(&bytes);
            for row in [
                HeadV1::ROW,
                ListsV1::ROW,
                AnswerV1::ROW,
                FeedEntryV1::ROW,
                RateV1::ROW,
                FormerV1::ROW,
                NewestV1::ROW,
                SumsV1::ROW,
                FileHeadV1::ROW,
                FileRowsV1::ROW,
                FileEndV1::ROW,
            ] {
                if let [first, second, ..] = bytes.as_mut_slice() {
                    (*first, *second) = (row, 1);
                }
                let _ = decode::<HeadV1>(&bytes);
                let _ = decode::<ListsV1>(&bytes);
                let _ = decode::<AnswerV1>(&bytes);
                let _ = decode::<FeedEntryV1>(&bytes);
                let _ = decode::<RateV1>(&bytes);
                let _ = decode::<FormerV1>(&bytes);
                let _ = decode::<NewestV1>(&bytes);
                let _ = decode::<SumsV1>(&bytes);
                let _ = decode::<FileHeadV1>(&bytes);
                let _ = decode::<FileRowsV1>(&bytes);
                let _ = decode::<FileEndV1>(&bytes);
            }
        }
    }

    #[test]
    fn a_row_of_any_length_is_read_as_it_was_written() {
        for length in (0..300).chain([70_000]) {
            let body = AnswerBody::Value { json: vec![b'x'; length] };
            let row = AnswerV1 { kept_at: 7, fingerprint: [1; 32], body };
            let bytes = encode(&row).unwrap();
            assert_eq!(decode::<AnswerV1>(&bytes).unwrap(), row, "{length}");
        }
    }

    #[test]
    fn a_row_is_read_to_its_last_byte_and_no_further() {
        let head = HeadV1 {
            number: 7,
            instant: 1_700_000_000_000_000,
            changed_at: 0,
            trimmed: None,
            is_subscribed: false,
            epoch: None,
        };
        let bytes = encode(&head).unwrap();
        assert_eq!(decode::<HeadV1>(&bytes).unwrap(), head);
        assert!(is_damaged(decode::<HeadV1>(&[&bytes[..], &[0]].concat())));
        assert!(is_damaged(decode::<HeadV1>(&bytes[..bytes.len() - 1])));
        assert!(is_damaged(decode::<MarkV1>(&bytes)));
        assert!(is_damaged(decode::<HeadV1>(&[HeadV1::ROW, 99])));
        assert!(is_damaged(decode::<HeadV1>(&[])));
    }
}
