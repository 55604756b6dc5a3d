//! `LineCutter`: blocks of bytes in, lines out. Lines are slices of the blocks; nothing is copied but the unfinished line at a block's end.

use bytes::Bytes;
use memchr::{memchr2, memrchr2};
use milena_api::data::Str;

/// A line without its terminator.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The text; malformed UTF-8 is replaced.
    pub text: Str,
    /// Bytes that the line took in the input, terminator included.
    pub length: usize,
}

/// Cuts at LF, CR and CRLF. A CR at the very end of what was read waits for the next byte, and so does a line without terminator.
#[derive(Debug, Default)]
pub struct LineCutter {
    /// Whole lines, not yet handed out.
    block: Block,
    /// The unfinished line, and what is read behind it.
    pending: Vec<u8>,
    /// Where in `pending` the next terminator may be.
    scanned: usize,
}

#[derive(Debug, Default)]
struct Block {
    bytes: Bytes,
    /// The same bytes, if they are UTF-8 as a whole: checked once per block instead of once per line.
    text: Option<Str>,
    at: usize,
}

impl LineCutter {
    /// The buffer to read more bytes into, behind those that are there. Give it back with [`LineCutter::fill`].
    pub fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// Takes the buffer back, with what was read; all lines of the block before must have been taken out.
    pub fn fill(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.block.is_empty(), "a block would be lost");
        self.pending = buffer;
        let Some(end) = self.end_of_last_line() else { return };
        let rest = self.pending.split_off(end);
        let bytes = Bytes::from(std::mem::replace(&mut self.pending, rest));
        self.scanned = self.scanned.saturating_sub(end);
        self.block = Block { text: Str::from_utf8(bytes.clone()).ok(), bytes, at: 0 };
    }

    /// The next whole line.
    pub fn next(&mut self) -> Option<Line> {
        self.block.next()
    }

    /// Bytes of the whole lines that are not yet handed out.
    pub fn remaining(&self) -> usize {
        self.block.bytes.len() - self.block.at
    }

    /// Bytes of the unfinished line.
    pub fn unfinished(&self) -> usize {
        self.pending.len()
    }

    /// The unfinished line as a line, if there is one: for an input that will not grow any more.
    pub fn finish(&mut self) -> Option<Line> {
        self.scanned = 0;
        let mut bytes = std::mem::take(&mut self.pending);
        let length = bytes.len();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        (length > 0).then(|| Line { text: Str::from_utf8_lossy(Bytes::from(bytes)), length })
    }

    /// The end of the last line in `pending` that is known to be whole.
    fn end_of_last_line(&mut self) -> Option<usize> {
        let mut end = self.pending.len();
        if self.pending.last() == Some(&b'\r') {
            // The byte behind decides whether CR or CRLF ends this line.
            end -= 1;
        }
        let from = self.scanned.min(end);
        self.scanned = end;
        memrchr2(b'\n', b'\r', &self.pending[from..end]).map(|at| from + at + 1)
    }
}

impl Block {
    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let Some(length) = memchr2(b'\n', b'\r', rest) else {
            // Handed out: keep nothing alive.
            *self = Block::default();
            return None;
        };
        let crlf = rest[length] == b'\r' && rest.get(length + 1) == Some(&b'\n');
        let whole = length + if crlf { 2 } else { 1 };
        self.at = start + whole;
        let text = match &self.text {
            Some(text) => text.slice_ref(&text[start..start + length]),
            None => Str::from_utf8_lossy(self.bytes.slice(start..start + length)),
        };
        Some(Line { text, length: whole })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(cutter: &mut LineCutter, bytes: &[u8]) -> Vec<String> {
        let mut buffer = cutter.take_buffer();
        buffer.extend_from_slice(bytes);
        cutter.fill(buffer);
        std::iter::from_fn(|| cutter.next()).map(|line| line.text.as_str().to_owned()).collect()
    }

    /// The plainest reading of the rule, one byte at a time.
    fn expected(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let (mut lines, mut line, mut consumed, mut at) = (Vec::new(), Vec::new(), 0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b'\r' if at + 1 == bytes.len() => break,
                b'\r' | b'\n' => {
                    at += usize::from(bytes[at] == b'\r' && bytes[at + 1] == b'\n');
                    lines.push(std::mem::take(&mut line));
                    consumed = at + 1;
                }
                byte => line.push(byte),
            }
            at += 1;
        }
        (lines, consumed)
    }

    #[test]
    fn all_three_terminators_end_a_line() {
        assert_eq!(feed(&mut LineCutter::default(), b"a\nb\r\nc\rd\n\n"), ["a", "b", "c", "d", ""]);
    }

    #[test]
    fn a_carriage_return_at_the_end_waits_for_the_next_byte() {
        let mut cutter = LineCutter::default();
        assert_eq!(feed(&mut cutter, b"a\r"), Vec::<String>::new());
        assert_eq!(feed(&mut cutter, b""), Vec::<String>::new());
        assert_eq!(feed(&mut cutter, b"\nb\r"), ["a"]);
        assert_eq!(feed(&mut cutter, b"c\n"), ["b", "c"]);
    }

    #[test]
    fn lengths_add_up_to_the_bytes_consumed() {
        let mut cutter = LineCutter::default();
        cutter.fill("é\r\nx\n".as_bytes().to_vec());
        assert_eq!(cutter.next().unwrap().length, 4);
        assert_eq!(cutter.next().unwrap().length, 2);
    }

    #[test]
    fn a_malformed_line_is_replaced_and_its_neighbours_are_not_touched() {
        assert_eq!(feed(&mut LineCutter::default(), b"good\nb\xffd\ng\xc3\xb6od\n"), ["good", "b\u{fffd}d", "göod"]);
    }

    #[test]
    fn the_lines_share_the_block() {
        let mut cutter = LineCutter::default();
        let block = b"first\nsecond\n".to_vec();
        let at = block.as_ptr() as usize;
        cutter.fill(block);
        assert_eq!(cutter.next().unwrap().text.as_ptr() as usize, at);
        assert_eq!(cutter.next().unwrap().text.as_ptr() as usize, at + 6);
    }

    #[test]
    fn an_input_that_ends_gives_its_unfinished_line() {
        let mut cutter = LineCutter::default();
        assert_eq!(feed(&mut cutter, b"a\nrest"), ["a"]);
        assert_eq!(cutter.finish().unwrap().text, "rest");
        assert_eq!(cutter.finish(), None);
        assert_eq!(feed(&mut cutter, b"b\n"), ["b"]);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_into_appends_gives_the_same_lines(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xc3), Just(0xa9)], 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..20),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut cutter, mut lines, mut consumed) = (LineCutter::default(), Vec::new(), 0);
            for pair in cuts.windows(2) {
                let mut buffer = cutter.take_buffer();
                buffer.extend_from_slice(&bytes[pair[0]..pair[1]]);
                cutter.fill(buffer);
                while let Some(line) = cutter.next() {
                    consumed += line.length;
                    lines.push(line.text.as_str().to_owned());
                }
            }
            let (want, want_consumed) = expected(&bytes);
            let want: Vec<String> = want.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            prop_assert_eq!(lines, want);
            prop_assert_eq!(consumed, want_consumed);
            prop_assert_eq!(cutter.unfinished(), bytes.len() - want_consumed);
        }
    }
}
