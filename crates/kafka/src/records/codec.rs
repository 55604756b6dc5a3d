//! Codecs of record batches.
//!
//! Counterpart: org.apache.kafka.common.compress.Compression.

use std::io::{Read, Write};

use super::batch_header::InvalidRecords;

/// What the Java snappy library puts before its blocks: magic, version 1, compatible with version 1.
const XERIAL_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes that one snappy block holds before compression, as Kafka's producer cuts them.
const XERIAL_BLOCK: usize = 32 * 1024;
/// Uncompressed records of one batch that are always taken, however small the batch is.
const ALWAYS_TAKEN: usize = 256 << 20;
/// Beyond that, a batch may hold this many times its own size: what no producer has ever written is an attack, not data.
const GREATEST_RATIO: usize = 64;

/// Most bytes of records that a batch of `compressed` bytes may hold.
fn limit(compressed: usize) -> usize {
    compressed.saturating_mul(GREATEST_RATIO).clamp(ALWAYS_TAKEN, i32::MAX as usize)
}

/// The level of LZ4 that stands for its fast form; all others search longer (KIP-390).
const LZ4_FAST: i32 = 9;

/// A codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy in the framing of the Java library.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// A codec's level; `None` is the codec's default.
pub type Level = Option<i32>;

impl Compression {
    /// By the number in a batch's attributes.
    pub fn from_id(id: i16) -> Option<Self> {
        Some(match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// By the name in `compression.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// Number in a batch's attributes.
    pub fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Name in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Appends `records` to `out`, compressed.
    ///
    /// # Errors
    /// What the codec says, a level it does not have for instance.
    pub fn compress(self, level: Level, records: &[u8], out: &mut Vec<u8>) -> Result<(), InvalidRecords> {
        let failed = |error: &dyn std::fmt::Display| {
            InvalidRecords::malformed(format!("cannot compress a batch with {}: {error}", self.name()))
        };
        match self {
            Self::None => out.extend_from_slice(records),
            Self::Gzip => {
                let level = level
                    .and_then(|level| u32::try_from(level).ok())
                    .map_or_else(flate2::Compression::default, flate2::Compression::new);
                let mut encoder = flate2::write::GzEncoder::new(out, level);
                encoder.write_all(records).and_then(|()| encoder.finish().map(drop)).map_err(|error| failed(&error))?;
            }
            Self::Snappy => {
                out.extend_from_slice(&XERIAL_HEADER);
                let mut encoder = snap::raw::Encoder::new();
                for block in records.chunks(XERIAL_BLOCK) {
                    let start = out.len();
                    out.resize(start + 4 + snap::raw::max_compress_len(block.len()), 0);
                    let len = encoder.compress(block, &mut out[start + 4..]).map_err(|error| failed(&error))?;
                    let prefix = u32::try_from(len).map_err(|error| failed(&error))?.to_be_bytes();
                    out[start..start + 4].copy_from_slice(&prefix);
                    out.truncate(start + 4 + len);
                }
            }
            Self::Lz4 => match level.filter(|level| *level != LZ4_FAST) {
                None => lz4_fast(records, out).map_err(|error| failed(&error))?,
                Some(level) => lz4_high(level, records, out).map_err(|error| failed(&error))?,
            },
            Self::Zstd => {
                let mut encoder =
                    zstd::stream::write::Encoder::new(out, level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL))
                        .map_err(|error| failed(&error))?;
                encoder.write_all(records).and_then(|()| encoder.finish().map(drop)).map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }

    /// The records that `compressed` holds.
    ///
    /// # Errors
    /// Bytes that the codec cannot read, or more records than a batch may hold: 256 MiB, or 64 times the compressed size if that is
    /// more, and 2 GiB in any case. Memory grows with the records that come out, not with what the batch announces.
    pub fn decompress(self, compressed: &[u8]) -> Result<Vec<u8>, InvalidRecords> {
        let limit = limit(compressed.len());
        let failed = |error: &dyn std::fmt::Display| {
            InvalidRecords::malformed(format!("cannot decompress a {} batch: {error}", self.name()))
        };
        let mut out = Vec::with_capacity(compressed.len().saturating_mul(3).min(1 << 20));
        match self {
            Self::None => out.extend_from_slice(compressed),
            Self::Gzip => {
                read_all(flate2::read::MultiGzDecoder::new(compressed), limit, &mut out).map_err(|e| failed(&e))?
            }
            Self::Snappy => unsnap(compressed, limit, &mut out).map_err(|reason| failed(&reason))?,
            Self::Lz4 => {
                read_all(lz4_flex::frame::FrameDecoder::new(compressed), limit, &mut out).map_err(|e| failed(&e))?
            }
            Self::Zstd => zstd::stream::read::Decoder::with_buffer(compressed)
                .and_then(|decoder| read_all(decoder, limit, &mut out))
                .map_err(|error| failed(&error))?,
        }
        Ok(out)
    }

    /// The records that a wrapper of format 0 or 1 holds.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress).
    pub(super) fn decompress_legacy(self, compressed: &[u8], magic: i8) -> Result<Vec<u8>, InvalidRecords> {
        if self == Self::Lz4 && magic == 0 {
            return self.decompress(&with_mended_descriptor(compressed));
        }
        self.decompress(compressed)
    }
}

/// LZ4 as it is packed by default: fast.
fn lz4_fast(records: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
    let frame = lz4_flex::frame::FrameInfo::new()
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .block_mode(lz4_flex::frame::BlockMode::Independent);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, out);
    encoder.write_all(records)?;
    encoder.finish()?;
    Ok(())
}

/// LZ4 by the slower search of that level.
fn lz4_high(level: i32, records: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut encoder = lz4::EncoderBuilder::new()
        .level(u32::try_from(level).unwrap_or(1))
        .block_size(lz4::BlockSize::Max64KB)
        .block_mode(lz4::BlockMode::Independent)
        .checksum(lz4::ContentChecksum::NoChecksum)
        .build(out)?;
    encoder.write_all(records)?;
    encoder.finish().1
}

/// Clients of format 0 computed the checksum of an LZ4 frame's descriptor over the magic number too; this sets the right one.
fn with_mended_descriptor(frame: &[u8]) -> Vec<u8> {
    const HAS_CONTENT_SIZE: u8 = 0x08;
    let mut frame = frame.to_vec();
    let end = match frame.get(4) {
        Some(flags) if flags & HAS_CONTENT_SIZE != 0 => 14,
        _ => 6,
    };
    if let Some((descriptor, [checksum, ..])) = frame.get_mut(4..).and_then(|rest| rest.split_at_mut_checked(end - 4)) {
        *checksum = (xxh32_short(descriptor) >> 8) as u8;
    }
    frame
}

/// xxHash (32 bits, seed 0) of fewer than 16 bytes.
fn xxh32_short(bytes: &[u8]) -> u32 {
    const PRIMES: [u32; 5] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393];
    let [p1, p2, p3, p4, p5] = PRIMES;
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = p5.wrapping_add(bytes.len() as u32);
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(p3)).rotate_left(17).wrapping_mul(p4);
    }
    for byte in rest {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(p5)).rotate_left(11).wrapping_mul(p1);
    }
    hash = (hash ^ (hash >> 15)).wrapping_mul(p2);
    hash = (hash ^ (hash >> 13)).wrapping_mul(p3);
    hash ^ (hash >> 16)
}

fn read_all(decoder: impl Read, limit: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
    let read = decoder.take(limit as u64 + 1).read_to_end(out)?;
    if read > limit {
        return Err(std::io::Error::other(format!("the batch holds more than {limit} bytes of records")));
    }
    Ok(())
}

fn unsnap(compressed: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let mut decoder = snap::raw::Decoder::new();
    let mut append = |block: &[u8], out: &mut Vec<u8>| {
        let len = snap::raw::decompress_len(block).map_err(|error| error.to_string())?;
        let start = out.len();
        // A block's length says how much it takes; snappy cannot shrink below 1 in 64, so a greater promise is a lie.
        if len > block.len().saturating_mul(64).max(64) || start + len > limit {
            return Err(format!("a block of {} bytes says that it holds {len}", block.len()));
        }
        out.resize(start + len, 0);
        let written = decoder.decompress(block, &mut out[start..]).map_err(|error| error.to_string())?;
        out.truncate(start + written);
        Ok(())
    };
    // Only the magic is compared: the versions after it never meant another layout. Without it the bytes are one raw block.
    if !compressed.starts_with(&XERIAL_HEADER[..8]) {
        return append(compressed, out);
    }
    let mut rest = compressed.get(XERIAL_HEADER.len()..).ok_or("the header is cut off")?;
    while !rest.is_empty() {
        let (prefix, tail) = rest.split_first_chunk::<4>().ok_or("a block length is cut off")?;
        let len = u32::from_be_bytes(*prefix) as usize;
        let (block, tail) = tail.split_at_checked(len).ok_or("a block is cut off")?;
        append(block, out)?;
        rest = tail;
    }
    Ok(())
}
