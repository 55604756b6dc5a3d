//! `Output`: a buffer that record after record is written into and cut from.

use bytes::{Bytes, BytesMut};
use milena_api::error::Result;

/// Size of the first buffer, doubled with every new one up to [`LARGEST`].
const SMALLEST: usize = 1 << 10;
/// Size of a buffer at most; larger records get one of their own.
const LARGEST: usize = 1 << 16;

/// Hands out pieces of large buffers, so that a record costs no allocation of its own.
#[derive(Default)]
pub(crate) struct Output {
    buffer: BytesMut,
    size: usize,
    /// Length of the piece before, the guess for the next one.
    last: usize,
}

impl Output {
    /// What `write` appended, as bytes of its own. After an error nothing of it remains.
    pub(crate) fn collect(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Bytes> {
        if self.buffer.capacity() < self.last {
            self.size = (self.size * 2).clamp(SMALLEST, LARGEST).max(self.last);
            self.buffer = BytesMut::with_capacity(self.size);
        }
        if let Err(error) = write(&mut self.buffer) {
            self.buffer.clear();
            return Err(error);
        }
        self.last = self.buffer.len();
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
