//! Order of a Java `HashSet` of texts, for the messages that show one.

/// Puts distinct texts into the order in which a `HashSet` that they were added to one by one gives them back.
pub(super) fn hash_set_order(texts: &mut [String]) {
    let mut buckets: usize = 16;
    // The table doubles when it is more than three quarters full.
    while texts.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    // Within a bucket the order of adding stays: the sort is stable.
    texts.sort_by_key(|text| {
        let hash = string_hash(text);
        (hash ^ hash >> 16) as usize & (buckets - 1)
    });
}

/// `String.hashCode`, as unsigned.
fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(string_hash("hello"), 99_162_322);
        assert_eq!(string_hash(""), 0);
    }
}
