//! `Output`: a buffer that record after record is written into and cut from.

use bytes::{Bytes, BytesMut};
use milena_api::error::Result;

/// Size of the first buffer, doubled with every new one up to [`LARGEST`].
const SMALLEST: usize = 1 << 10;
/// Size of a buffer at most; records of more than a quarter of it get one of their own.
const LARGEST: usize = 1 << 16;

/// Hands out pieces of large buffers, so that a record costs no allocation of its own. A record is written into a vector first, whose
/// appending is cheaper than a shared buffer's by more than the one copy costs.
#[derive(Default)]
pub(crate) struct Output {
    record: Vec<u8>,
    buffer: BytesMut,
    size: usize,
}

impl Output {
    /// What `write` appended, as bytes of its own.
    pub(crate) fn collect(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Bytes> {
        self.record.clear();
        write(&mut self.record)?;
        let len = self.record.len();
        if len > LARGEST / 4 {
            // Too large to share a buffer, and too large to keep the room for.
            return Ok(Bytes::from(std::mem::take(&mut self.record)));
        }
        if self.buffer.capacity() < len {
            self.size = (self.size * 2).clamp(SMALLEST, LARGEST).max(len);
            self.buffer = BytesMut::with_capacity(self.size);
        }
        self.buffer.extend_from_slice(&self.record);
        Ok(self.buffer.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use milena_api::error::Error;

    #[test]
    fn pieces_do_not_disturb_each_other() {
        let mut output = Output::default();
        let pieces: Vec<Bytes> = (0..2000u32)
            .map(|i| {
                output
                    .collect(|out| {
                        out.extend_from_slice(format!("record {i}").as_bytes());
                        Ok(())
                    })
                    .unwrap()
            })
            .collect();
        assert_eq!(pieces[1999], "record 1999");
        assert_eq!(pieces[0], "record 0");
        let failed = output.collect(|out| {
            out.extend_from_slice(b"half");
            Err(Error::data("no"))
        });
        assert!(failed.is_err());
        assert_eq!(output.collect(|_| Ok(())).unwrap(), "");
    }
}
