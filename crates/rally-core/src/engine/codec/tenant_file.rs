use bincode::{Decode, Encode};

use super::Wire;

/// The beginning of a tenant's file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FileHeadV1 {
    /// The number of the layout of keys that the rows have.
    pub(crate) layout: u32,
    pub(crate) tenant: [u8; 16],
    pub(crate) slug: String,
    /// The JSON text of each member of the tenant's record that is a setting, by its slot.
    pub(crate) settings: Vec<(u8, String)>,
    /// Bits of the parts that are in the file and need not be.
    pub(crate) parts: u8,
    pub(crate) made_at: i64,
    /// The number and the instant of the last change.
    pub(crate) number: u64,
    pub(crate) changed_at: i64,
}

/// Rows of a tenant, each a key and its value, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FileRowsV1 {
    pub(crate) rows: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The end of a tenant's file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FileEndV1 {
    pub(crate) rows: u64,
    /// The digest of the rows, however they are divided into blocks.
    pub(crate) rows_digest: [u8; 32],
    /// The digest of all bytes of the file before this block.
    pub(crate) file_digest: [u8; 32],
}

/// Says within a tenant that somebody is filling it, and who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FillingV1 {
    pub(crate) token: [u8; 16],
}

impl Wire for FileHeadV1 {
    const ROW: u8 = 30;
    const FORMAT: u8 = 1;
}

impl Wire for FileRowsV1 {
    const ROW: u8 = 31;
    const FORMAT: u8 = 1;
}

impl Wire for FileEndV1 {
    const ROW: u8 = 32;
    const FORMAT: u8 = 1;
}

impl Wire for FillingV1 {
    const ROW: u8 = 33;
    const FORMAT: u8 = 1;
}
