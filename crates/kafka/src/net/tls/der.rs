//! Just enough DER to find the parts of an encrypted private key, and of a certificate.

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const OID: u8 = 0x06;
pub(super) const BITS: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;

/// Takes the content of the element in front, which must have this tag.
pub(super) fn take<'a>(tag: u8, input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&found, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut len = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(count)?;
        len = bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(len)?;
    *input = after;
    (found == tag).then_some(content)
}

/// The algorithm (as DER bytes of its id) and the content of an `EncryptedPrivateKeyInfo`.
pub(super) fn encrypted_key(mut der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut info = take(SEQUENCE, &mut der)?;
    let mut algorithm = take(SEQUENCE, &mut info)?;
    Some((take(OID, &mut algorithm)?, take(OCTETS, &mut info)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_input_are_refused() {
        let mut long = vec![SEQUENCE, 0x81, 0x80];
        long.extend([1; 0x80]);
        assert_eq!(take(SEQUENCE, &mut long.as_slice()).map(<[u8]>::len), Some(0x80));
        for wrong in [&[][..], &[0x30], &[0x30, 1], &[0x30, 0x80], &[0x30, 0x84, 255, 255, 255, 255, 0], &[0x31, 0]] {
            assert_eq!(take(SEQUENCE, &mut &*wrong), None, "{wrong:?}");
        }
    }
}
