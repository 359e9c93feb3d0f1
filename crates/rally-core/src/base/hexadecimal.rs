use super::invariant;

/// The hexadecimal digits of bytes, two each.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let (words, rest) = bytes.as_chunks();
    let mut digits = Vec::with_capacity(2 * bytes.len());
    for word in words {
        digits.extend_from_slice(&eight_digits(u32::from_be_bytes(*word)));
    }
    for byte in rest {
        let [.., first, second] = eight_digits(u32::from(*byte));
        digits.extend_from_slice(&[first, second]);
    }
    invariant(String::from_utf8(digits).ok(), "digits are ASCII")
}

/// The eight hexadecimal digits of a number, all made at once: each half of a byte gets a byte of its own, to which the
/// distance of its digit is added, of which that of a letter is greater.
#[inline]
pub(crate) fn eight_digits(number: u32) -> [u8; 8] {
    let mut halves = u64::from(number);
    halves = ((halves << 16) | halves) & 0x0000_FFFF_0000_FFFF;
    halves = ((halves << 8) | halves) & 0x00FF_00FF_00FF_00FF;
    halves = ((halves << 4) | halves) & 0x0F0F_0F0F_0F0F_0F0F;
    let letters = ((halves + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    let letter = u64::from(b'a' - b'0' - 10);
    (halves + 0x3030_3030_3030_3030 + letters * letter).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_byte_is_two_digits(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(hexadecimal(&bytes), expected);
        }
    }
}
