//! Which of a file's numbered lines came out, how often, and in what state.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

/// Length of every numbered line without its end.
const LENGTH: usize = 99;

/// Appends lines `numbers` to a file: each begins with its number in nine digits and has 99 bytes and a line end.
///
/// # Errors
/// When the file cannot be written.
pub fn numbered_lines(path: &Path, numbers: Range<u32>) -> Result<()> {
    let file = File::options()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::new(file);
    for number in numbers {
        writeln!(out, "{number:09} {:<width$}", fill(number), width = LENGTH - 10)?;
    }
    out.flush().with_context(|| format!("cannot write {}", path.display()))
}

/// Something that differs from line to line, so that mixed-up bytes are noticed.
fn fill(number: u32) -> String {
    format!("{:08x}{:08x}", number.wrapping_mul(0x9E37_79B1), number.rotate_left(13))
}

/// Reads a growing file of numbered lines and keeps account.
#[derive(Debug)]
pub struct Ledger {
    seen: Vec<bool>,
    position: u64,
    rest: Vec<u8>,
    /// Different lines that have come out.
    pub distinct: u32,
    /// Lines that came out again.
    pub repeats: u64,
    /// Lines that begin with the torn end of another: the writer was killed in the middle of it.
    pub torn: u64,
    /// Lines that are none of ours, or broken.
    pub wrong: u64,
}

impl Ledger {
    /// A ledger of lines 0 to `count`.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let seen = vec![false; count as usize];
        Self { seen, position: 0, rest: Vec::new(), distinct: 0, repeats: 0, torn: 0, wrong: 0 }
    }

    /// Reads what has been added to the file since the last time; a file that is not there yet is empty.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<()> {
        let Ok(mut file) = File::open(path) else { return Ok(()) };
        file.seek(SeekFrom::Start(self.position)).with_context(|| format!("cannot read {}", path.display()))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
            if read == 0 {
                return Ok(());
            }
            self.position += read as u64;
            let mut bytes = std::mem::take(&mut self.rest);
            bytes.extend_from_slice(&buffer[..read]);
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            for line in bytes[..end].split_inclusive(|byte| *byte == b'\n') {
                self.enter(&line[..line.len() - 1]);
            }
            self.rest = bytes.split_off(end);
        }
    }

    /// Whether every line has come out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.distinct as usize == self.seen.len()
    }

    /// Numbers of lines that have not come out, the first few.
    #[must_use]
    pub fn missing(&self) -> Vec<usize> {
        self.seen.iter().enumerate().filter(|(_, seen)| !**seen).map(|(number, _)| number).take(10).collect()
    }

    fn enter(&mut self, line: &[u8]) {
        if is_cut_short(line) {
            self.torn += 1;
            return;
        }
        let whole = if line.len() > LENGTH {
            self.torn += 1;
            &line[line.len() - LENGTH..]
        } else {
            line
        };
        let number = std::str::from_utf8(whole)
            .ok()
            .and_then(|text| text.get(..9))
            .and_then(|digits| digits.parse::<u32>().ok());
        let expected = number.map(|number| format!("{number:09} {:<width$}", fill(number), width = LENGTH - 10));
        match (number, number.and_then(|number| self.seen.get_mut(number as usize))) {
            (Some(_), Some(seen)) if expected.as_deref().map(str::as_bytes) == Some(whole) => {
                if *seen {
                    self.repeats += 1;
                } else {
                    *seen = true;
                    self.distinct += 1;
                }
            }
            _ => self.wrong += 1,
        }
    }
}

/// True for the beginning of a line that a kill cut off: the sink goes on behind it on a line of its own.
fn is_cut_short(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    match text.get(..9) {
        _ if line.len() >= LENGTH => false,
        None => text.bytes().all(|byte| byte.is_ascii_digit()),
        Some(digits) => digits.parse::<u32>().is_ok_and(|number| {
            format!("{number:09} {:<width$}", fill(number), width = LENGTH - 10).as_bytes().starts_with(line)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_file_is_read_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut ledger = Ledger::new(5);
        ledger.read(&path).unwrap();
        numbered_lines(&path, 0..3).unwrap();
        ledger.read(&path).unwrap();
        assert_eq!((ledger.distinct, ledger.is_complete(), ledger.missing()), (3, false, vec![3, 4]));
        numbered_lines(&path, 2..5).unwrap();
        ledger.read(&path).unwrap();
        assert_eq!((ledger.distinct, ledger.repeats, ledger.wrong, ledger.is_complete()), (5, 1, 0, true));
    }

    #[test]
    fn a_torn_line_does_not_hide_the_one_behind_it_and_broken_bytes_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, torn) = (dir.path().join("whole"), dir.path().join("torn"));
        numbered_lines(&whole, 0..2).unwrap();
        let text = std::fs::read_to_string(&whole).unwrap();
        std::fs::write(&torn, format!("{}{text}{}", &text[..40], text.replace("00000", "0000x"))).unwrap();
        let mut ledger = Ledger::new(2);
        ledger.read(&torn).unwrap();
        assert_eq!((ledger.distinct, ledger.torn, ledger.wrong), (2, 1, 2));
    }

    #[test]
    fn a_line_that_was_cut_off_and_ended_later_is_torn_and_anything_else_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, torn) = (dir.path().join("whole"), dir.path().join("torn"));
        numbered_lines(&whole, 0..1).unwrap();
        let text = std::fs::read_to_string(&whole).unwrap();
        std::fs::write(&torn, format!("{}\n{}\n{text}0000x\n", &text[..40], &text[..5])).unwrap();
        let mut ledger = Ledger::new(1);
        ledger.read(&torn).unwrap();
        assert_eq!((ledger.distinct, ledger.torn, ledger.wrong), (1, 2, 1));
    }
}
