//! Ways in for those who put any bytes to what reads files.

use crate::storage::{OffsetCodec, read_map, write_map};

/// Reads an offsets file, and all that it holds.
pub fn offsets_file(codec: &OffsetCodec, bytes: &[u8]) {
    for (key, value) in read_map(bytes).unwrap_or_default() {
        stored_offset(codec, key.as_deref().unwrap_or_default(), value.as_deref().unwrap_or_default());
    }
}

/// A file for a start.
pub fn an_offsets_file() -> Vec<u8> {
    let entries: [(&[u8], Option<&[u8]>); 3] = [
        (br#"["files",{"filename":"a.txt"}]"#, Some(br#"{"position":17}"#)),
        (br#"["files",{"filename":"b.txt"}]"#, None),
        (br#"["other",null]"#, Some(br#"{"lsn":1.5,"snapshot":"last","done":true}"#)),
    ];
    write_map(entries.into_iter())
}

/// Reads a record of the offsets topic.
pub fn stored_offset(codec: &OffsetCodec, key: &[u8], value: &[u8]) {
    drop(codec.parse_key(key));
    drop(codec.parse_value(value));
}
