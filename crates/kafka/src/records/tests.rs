use super::*;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn batch(compression: Compression, count: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::with_capacity(64);
    for index in 0..count {
        let value = vec![b'a' + (index % 26) as u8; index * 7 % 300];
        let key = format!("key-{index}");
        let headers: [(&str, Option<&[u8]>); 3] = [("h", Some(b"v")), ("h", None), ("ü", Some(b""))];
        let parts = RecordParts {
            timestamp: 1_000_000 + index as i64 * 3,
            key: (index % 3 != 0).then_some(key.as_bytes()),
            value: (index % 5 != 0).then_some(&value),
            headers: &headers[..index % 4],
        };
        builder.append(&parts).unwrap();
    }
    builder.build(compression, None, None).unwrap().to_vec()
}

fn read(batch: &[u8]) -> Result<Vec<(i64, usize, usize)>, InvalidRecords> {
    let header = BatchHeader::read(batch)?;
    header.check_crc(batch)?;
    let records = header.compression()?.decompress(&batch[HEADER_LEN..header.total_len()])?;
    let mut iter = RecordIter::new(&header, &records);
    let mut all = Vec::new();
    while let Some(view) = iter.next_checked() {
        let view = view?;
        all.push((view.offset, view.value.map_or(0, <[u8]>::len), view.headers().count()));
    }
    Ok(all)
}

#[test]
fn what_is_written_is_read_in_every_codec() {
    for codec in CODECS {
        for count in [1, 2, 1000] {
            let batch = batch(codec, count);
            let header = BatchHeader::read(&batch).unwrap();
            assert_eq!(header.total_len(), batch.len());
            assert_eq!(header.compression().unwrap(), codec);
            assert_eq!((header.base_timestamp, header.count), (1_000_000, count as i32));
            assert_eq!(header.max_timestamp, 1_000_000 + (count as i64 - 1) * 3);
            let all = read(&batch).unwrap();
            assert_eq!(all.len(), count, "{codec:?}");
            for (index, (offset, value, headers)) in all.into_iter().enumerate() {
                let len = if index % 5 == 0 { 0 } else { index * 7 % 300 };
                assert_eq!((offset, value, headers), (index as i64, len, index % 4));
            }
        }
    }
}

#[test]
fn any_changed_byte_after_the_checksum_is_noticed() {
    let good = batch(Compression::None, 20);
    for at in 21..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert!(read(&bad).is_err(), "byte {at}");
    }
}

#[test]
fn malformed_batches_with_a_right_checksum_are_errors_and_no_panic() {
    let mut rejected = 0;
    for codec in CODECS {
        let good = batch(codec, 20);
        for at in 21..good.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                let crc = crc32c::crc32c(&bad[21..]).to_be_bytes();
                bad[17..21].copy_from_slice(&crc);
                rejected += usize::from(read(&bad).is_err());
            }
        }
        for len in 0..good.len() {
            assert!(BatchHeader::read(&good[..len]).and_then(|h| h.check_crc(&good[..len])).is_err());
        }
    }
    assert!(rejected > 100);
}

#[test]
fn the_log_append_time_is_the_time_of_every_record() {
    let mut batch = batch(Compression::Zstd, 3);
    set_base_offset(&mut batch, 42).unwrap();
    set_leader_epoch(&mut batch, 7).unwrap();
    set_log_append_time(&mut batch, 99).unwrap();
    let header = BatchHeader::read(&batch).unwrap();
    header.check_crc(&batch).unwrap();
    assert_eq!((header.leader_epoch, header.last_offset()), (7, 44));
    let records = Compression::Zstd.decompress(&batch[HEADER_LEN..]).unwrap();
    let times: Vec<_> = RecordIter::new(&header, &records).map(|view| (view.offset, view.timestamp)).collect();
    assert_eq!(times, [(42, Some(99)), (43, Some(99)), (44, Some(99))]);
}

#[test]
fn a_header_key_that_is_no_text_does_not_stop_the_batch() {
    for key in [[0xff; 6], [0xf0, 0x9f, 0x98, b'x', 0xed, 0xa0]] {
        let mut builder = BatchBuilder::with_capacity(64);
        for headers in [&[("kkkkkk", Some(&b"v"[..])), ("h", None)][..], &[]] {
            builder.append(&RecordParts { timestamp: 1, key: None, value: Some(b"value"), headers }).unwrap();
        }
        let mut batch = builder.build(Compression::None, None, None).unwrap().to_vec();
        let at = batch.windows(6).position(|part| part == b"kkkkkk").unwrap();
        batch[at..at + 6].copy_from_slice(&key);
        let crc = crc32c::crc32c(&batch[21..]).to_be_bytes();
        batch[17..21].copy_from_slice(&crc);
        assert_eq!(read(&batch).unwrap(), [(0, 5, 2), (1, 5, 0)]);
        let header = BatchHeader::read(&batch).unwrap();
        let first = RecordIter::new(&header, &batch[HEADER_LEN..]).next().unwrap();
        assert_eq!(first.headers().collect::<Vec<_>>(), [(&key[..], Some(&b"v"[..])), (&b"h"[..], None)]);
    }
}

#[test]
fn varints_of_all_lengths_survive() {
    for shift in 0..64 {
        for value in [1i64 << shift, (1i64 << shift).wrapping_neg(), (1i64 << shift).wrapping_sub(1)] {
            let mut out = Vec::new();
            write_varlong(&mut out, value);
            assert_eq!(out.len(), varlong_len(value));
            assert_eq!(read_varlong(&out, &mut 0), Some(value));
            let mut out = Vec::new();
            write_varint(&mut out, value as i32);
            assert_eq!(out.len(), varint_len(value as i32));
            assert_eq!(read_varint(&out, &mut 0), Some(value as i32));
        }
    }
    assert_eq!(read_varint(&[0x80, 0x80, 0x80, 0x80, 0x80], &mut 0), None);
    assert_eq!(read_varlong(&[0x80], &mut 0), None);
}

#[test]
fn a_raw_snappy_block_without_the_java_framing_is_read() {
    let raw = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
    assert_eq!(Compression::Snappy.decompress(&raw).unwrap(), b"hello hello hello");
}

#[test]
fn every_level_of_lz4_is_read_back_and_slower_ones_are_smaller() {
    let records: Vec<u8> =
        (0..60_000u32).flat_map(|n| format!("{:x};", n.wrapping_mul(2_654_435_761) % 5_000).into_bytes()).collect();
    let packed = |level| {
        let mut out = Vec::new();
        Compression::Lz4.compress(level, &records, &mut out).unwrap();
        assert_eq!(Compression::Lz4.decompress(&out).unwrap(), records, "{level:?}");
        out.len()
    };
    let (default, nine, twelve) = (packed(None), packed(Some(9)), packed(Some(12)));
    assert_eq!(default, nine, "nine stands for the fast form, as in Java");
    assert!(twelve < nine, "{twelve} < {nine}");
    for level in 1..=17 {
        packed(Some(level));
    }
}
