//! Batches that Kafka itself has written (`tests/data/GoldenRecords.java`), in every format and codec.

use bytes::Bytes;

use super::legacy;
use super::*;

const GOLDEN: &str = include_str!("../../tests/data/golden_records.txt");
/// When the records of the file were appended, where the broker says so.
const APPENDED: i64 = 1_700_000_009_999;

struct Golden {
    magic: i8,
    codec: Compression,
    times: TimestampType,
    bytes: Vec<u8>,
}

fn golden() -> Vec<Golden> {
    let line = |line: &str| {
        let mut fields = line.split(' ');
        let mut next = || fields.next().unwrap();
        let magic = next().parse().unwrap();
        let codec = Compression::from_name(next()).unwrap();
        let times = match next() {
            _ if magic == 0 => TimestampType::NoTimestampType,
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        };
        let hex = next();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        Golden { magic, codec, times, bytes: (0..hex.len()).step_by(2).map(byte).collect() }
    };
    GOLDEN.lines().map(line).collect()
}

/// All records of a batch, as text.
fn read(bytes: &[u8]) -> Result<Vec<String>, InvalidRecords> {
    let header = legacy::read_header(bytes)?;
    let all = Bytes::copy_from_slice(&bytes[..header.total_len().min(bytes.len())]);
    let (header, records) = if header.magic < 2 {
        legacy::open(&header, &all, true)?
    } else {
        header.check_crc(&all)?;
        let records = header.compression()?.decompress(&all[HEADER_LEN..])?;
        (header, Bytes::from(records))
    };
    let mut found = Vec::new();
    let mut iter = RecordIter::new(&header, &records);
    while let Some(view) = iter.next_checked() {
        let view = view?;
        let text = |part: Option<&[u8]>| part.map(|part| String::from_utf8_lossy(part).into_owned());
        let headers: Vec<_> =
            view.headers().map(|(key, value)| (text(Some(key)).unwrap(), value.map(<[u8]>::to_vec))).collect();
        found.push(format!(
            "{} {:?} {:?} {:?} {headers:?}",
            view.offset,
            view.timestamp,
            text(view.key),
            text(view.value)
        ));
    }
    Ok(found)
}

fn expected(of: &Golden) -> Vec<String> {
    let record = |index: usize| {
        let offset = 100 + index + if index == 4 { 2 } else { 0 };
        let timestamp = match of.times {
            TimestampType::NoTimestampType => None,
            TimestampType::CreateTime => Some(1_700_000_000_000 + index as i64),
            TimestampType::LogAppendTime => Some(APPENDED),
        };
        let key = (index != 1).then(|| format!("key-{index}"));
        let value = (index != 3).then(|| format!("value-{index}-").repeat(if index == 4 { 50 } else { 1 }));
        let headers = match of.magic {
            2 => vec![("h".to_owned(), Some(vec![index as u8])), ("null".to_owned(), None)],
            _ => Vec::new(),
        };
        format!("{offset} {timestamp:?} {key:?} {value:?} {headers:?}")
    };
    (0..5).map(record).collect()
}

#[test]
fn what_kafka_writes_is_read_in_every_format_and_codec() {
    let all = golden();
    assert_eq!(all.len(), 22);
    for of in all {
        let what = format!("format {}, {:?}, {:?}", of.magic, of.codec, of.times);
        let header = legacy::read_header(&of.bytes).unwrap();
        assert_eq!((header.magic, header.timestamp_type(), header.last_offset()), (of.magic, of.times, 106), "{what}");
        assert_eq!(header.compression().unwrap(), of.codec, "{what}");
        assert_eq!(header.total_len(), of.bytes.len(), "{what}");
        assert_eq!(read(&of.bytes).unwrap(), expected(&of), "{what}");
    }
}

#[test]
fn a_changed_byte_of_an_old_message_is_noticed_and_a_cut_off_one_is_told_apart() {
    for of in golden().into_iter().filter(|of| of.magic < 2) {
        // Of a run, the first message; of a wrapper, all. The checksum covers neither the offset nor the length.
        let first = 12 + usize::from(of.bytes[11]) + 256 * usize::from(of.bytes[10]);
        for at in 12..first {
            let mut bad = of.bytes.clone();
            bad[at] ^= 0x40;
            assert!(read(&bad).is_err(), "byte {at} of format {}, {:?}", of.magic, of.codec);
        }
        for len in 0..of.bytes.len() {
            match read(&of.bytes[..len]) {
                Ok(records) => assert!(of.codec == Compression::None && records.len() < 5),
                Err(error) => assert!(error.is_truncated(), "{len} bytes: {error}"),
            }
        }
    }
}

#[test]
fn nothing_in_an_old_message_is_believed_beyond_the_bytes_at_hand() {
    for of in golden().into_iter().filter(|of| of.magic < 2) {
        for at in 0..of.bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = of.bytes.clone();
                bad[at] ^= flip;
                // With the right checksum, as from a broker that means harm.
                if bad.len() > 16 {
                    let mut crc = flate2::Crc::new();
                    crc.update(&bad[16..]);
                    bad[12..16].copy_from_slice(&crc.sum().to_be_bytes());
                }
                if let Ok(records) = read(&bad) {
                    assert!(records.len() <= 5);
                }
            }
        }
    }
}

#[test]
fn more_records_than_a_batch_may_hold_are_refused_before_they_take_the_memory() {
    let bomb = |len: usize| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), len as u64), &mut encoder).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(Compression::Zstd.decompress(&bomb(1 << 20)).unwrap().len(), 1 << 20);
    let error = Compression::Zstd.decompress(&bomb((256 << 20) + 1)).unwrap_err();
    assert!(error.to_string().contains("268435456 bytes"), "{error}");
}
