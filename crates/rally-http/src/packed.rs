//! Files within the program, which the build script has deflated. One is unpacked when it is first asked for, and all
//! answers share its bytes.

use std::sync::OnceLock;

use axum::body::Bytes;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rally_core::Error;

/// Bytes of an unpacked file at most; the largest has 1.5 million.
const FILE_BYTES: usize = 4 << 20;

/// A deflated file.
#[derive(Debug)]
pub(crate) struct Packed {
    deflated: &'static [u8],
    unpacked: OnceLock<Bytes>,
}

impl Packed {
    pub(crate) const fn new(deflated: &'static [u8]) -> Self {
        Self { deflated, unpacked: OnceLock::new() }
    }

    /// The bytes that stand in the program.
    #[cfg(feature = "console")]
    pub(crate) const fn deflated(&self) -> &'static [u8] {
        self.deflated
    }

    /// The file.
    ///
    /// # Errors
    /// [`Code::Internal`](rally_core::Code::Internal) if the program is damaged.
    pub(crate) fn bytes(&self) -> Result<Bytes, Error> {
        if let Some(known) = self.unpacked.get() {
            return Ok(known.clone());
        }
        let inflated = decompress_to_vec_with_limit(self.deflated, FILE_BYTES)
            .map_err(|error| Error::internal(format!("a file within the program is damaged: {error}")))?;
        Ok(self.unpacked.get_or_init(|| inflated.into()).clone())
    }
}

#[cfg(test)]
mod tests {
    use rally_core::Code;

    use super::*;

    #[test]
    fn what_is_damaged_is_an_error_and_no_empty_file() {
        let damaged = Packed::new(b"\xff\xff\xff");
        assert_eq!(damaged.bytes().unwrap_err().code(), Code::Internal);
    }
}
