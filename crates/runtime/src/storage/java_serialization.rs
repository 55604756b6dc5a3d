//! Reads and writes the one kind of Java object stream that Connect keeps: a `HashMap<byte[], byte[]>`.
//!
//! Source of the format: the Java Object Serialization Specification; `spec/internal-topics` §6 lists the bytes.

use std::io;

const MAGIC: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_ARRAY: u8 = 0x75;
const TC_BLOCKDATA: u8 = 0x77;
const TC_ENDBLOCKDATA: u8 = 0x78;
/// Handles are numbered from here, in the order in which classes and objects appear.
const BASE_HANDLE: u32 = 0x7e_0000;
/// HashMap's class description, up to and including its two fields, without flags of a superclass.
const HASH_MAP: &[u8] = b"\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F\x00\x0aloadFactorI\x00\x09threshold\x78\x70";
const BYTE_ARRAY: &[u8] = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70";

/// Entries in the order of the stream.
pub type Entries = Vec<(Option<Vec<u8>>, Option<Vec<u8>>)>;

/// Writes a map as `ObjectOutputStream.writeObject(HashMap)` does.
pub fn write_map<'a>(entries: impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Vec<u8> {
    let size = entries.len();
    // As HashMap grows: a table of 16 that doubles when it is three quarters full.
    let mut capacity = 16usize;
    while size > capacity / 4 * 3 {
        capacity *= 2;
    }
    let threshold = if size == 0 { 0 } else { capacity / 4 * 3 };
    let mut out = Vec::with_capacity(128 + size * 64);
    out.extend_from_slice(&MAGIC);
    out.push(TC_OBJECT);
    out.extend_from_slice(HASH_MAP);
    out.extend_from_slice(&0.75f32.to_be_bytes());
    out.extend_from_slice(&(threshold as u32).to_be_bytes());
    out.extend_from_slice(&[TC_BLOCKDATA, 8]);
    out.extend_from_slice(&(capacity as u32).to_be_bytes());
    out.extend_from_slice(&(size as u32).to_be_bytes());
    let mut described = false;
    for (key, value) in entries {
        write_bytes(&mut out, Some(key), &mut described);
        write_bytes(&mut out, value, &mut described);
    }
    out.push(TC_ENDBLOCKDATA);
    out
}

fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>, described: &mut bool) {
    let Some(bytes) = bytes else {
        out.push(TC_NULL);
        return;
    };
    out.push(TC_ARRAY);
    if std::mem::replace(described, true) {
        // The class of byte[] is the third thing with a handle: behind HashMap's class and the map itself.
        out.push(TC_REFERENCE);
        out.extend_from_slice(&(BASE_HANDLE + 2).to_be_bytes());
    } else {
        out.extend_from_slice(BYTE_ARRAY);
    }
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads what `ObjectOutputStream.writeObject(HashMap)` wrote: any capacity, any load factor, arrays given again by reference.
///
/// # Errors
/// The stream is cut off or holds anything else; the text says where.
pub fn read_map(bytes: &[u8]) -> io::Result<Entries> {
    let mut reader = Reader { bytes, at: 0, handles: Vec::new() };
    reader.expect(&MAGIC, "the magic of a Java object stream")?;
    reader.expect(&[TC_OBJECT], "an object")?;
    let class = reader.class()?;
    if class != "java.util.HashMap" {
        return Err(reader.bad(&format!("a java.util.HashMap, found {class}")));
    }
    reader.handles.push(Handle::Other);
    reader.take(8)?; // load factor and threshold
    reader.expect(&[TC_BLOCKDATA, 8], "the map's size")?;
    reader.take(4)?; // capacity
    let size = reader.int()?;
    let mut entries = Vec::with_capacity(size.min(1 << 16) as usize);
    for _ in 0..size {
        entries.push((reader.array()?, reader.array()?));
    }
    reader.expect(&[TC_ENDBLOCKDATA], "the end of the map")?;
    Ok(entries)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    handles: Vec<Handle>,
}

/// What a back reference may lead to.
enum Handle {
    Class(String),
    Array(Vec<u8>),
    Other,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> io::Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("cut off at byte {}", self.bytes.len())));
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn int(&mut self) -> io::Result<u32> {
        Ok(self.take(4)?.iter().fold(0, |sum, b| sum << 8 | u32::from(*b)))
    }

    fn short(&mut self) -> io::Result<u16> {
        Ok(self.take(2)?.iter().fold(0, |sum, b| sum << 8 | u16::from(*b)))
    }

    fn text(&mut self) -> io::Result<String> {
        let length = self.short()?;
        Ok(String::from_utf8_lossy(self.take(usize::from(length))?).into_owned())
    }

    fn expect(&mut self, wanted: &[u8], what: &str) -> io::Result<()> {
        if self.take(wanted.len())? == wanted { Ok(()) } else { Err(self.bad(what)) }
    }

    fn bad(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("expected {what} before byte {}", self.at))
    }

    fn reference(&mut self) -> io::Result<&Handle> {
        let (at, handle) = (self.at, self.int()?);
        let index = handle.checked_sub(BASE_HANDLE).map(|index| index as usize);
        match index.and_then(|index| self.handles.get(index)) {
            Some(found) => Ok(found),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, format!("unknown reference at byte {at}"))),
        }
    }

    /// A class description or a reference to one; gives the class name.
    fn class(&mut self) -> io::Result<String> {
        match self.byte()? {
            TC_REFERENCE => match self.reference()? {
                Handle::Class(name) => Ok(name.clone()),
                _ => Err(self.bad("a class")),
            },
            TC_CLASSDESC => {
                let name = self.text()?;
                self.handles.push(Handle::Class(name.clone()));
                self.take(9)?; // serial version and flags
                for _ in 0..self.short()? {
                    let kind = self.byte()?;
                    self.text()?;
                    if matches!(kind, b'[' | b'L') {
                        return Err(self.bad("a class without object fields"));
                    }
                }
                self.expect(&[TC_ENDBLOCKDATA], "the end of a class")?;
                self.expect(&[TC_NULL], "no superclass")?;
                Ok(name)
            }
            _ => Err(self.bad("a class")),
        }
    }

    fn array(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.byte()? {
            TC_NULL => Ok(None),
            TC_REFERENCE => match self.reference()? {
                Handle::Array(bytes) => Ok(Some(bytes.clone())),
                _ => Err(self.bad("a byte array")),
            },
            TC_ARRAY => {
                let class = self.class()?;
                if class != "[B" {
                    return Err(self.bad(&format!("a byte array, found {class}")));
                }
                let length = self.int()?;
                let bytes = self.take(length as usize)?.to_vec();
                self.handles.push(Handle::Array(bytes.clone()));
                Ok(Some(bytes))
            }
            _ => Err(self.bad("a byte array")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let entries: Vec<(Vec<u8>, Option<Vec<u8>>)> =
            (0..40u8).map(|i| (vec![i; 3], (i % 3 != 0).then(|| vec![i; usize::from(i)]))).collect();
        let bytes = write_map(entries.iter().map(|(k, v)| (k.as_slice(), v.as_deref())));
        let read: Vec<_> = read_map(&bytes).unwrap().into_iter().map(|(k, v)| (k.unwrap(), v)).collect();
        assert_eq!(read, entries);
    }

    #[test]
    fn a_damaged_stream_is_an_error_and_never_a_panic() {
        let entries = [(b"key".as_slice(), Some(b"value".as_slice())), (b"k2".as_slice(), None)];
        let bytes = write_map(entries.into_iter());
        for cut in 0..bytes.len() {
            assert!(read_map(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            _ = read_map(&damaged);
        }
    }

    #[test]
    fn an_empty_map_has_the_bytes_java_writes() {
        let bytes = write_map(std::iter::empty());
        assert_eq!(bytes[bytes.len() - 19..], [0x3f, 0x40, 0, 0, 0, 0, 0, 0, 0x77, 8, 0, 0, 0, 16, 0, 0, 0, 0, 0x78]);
    }
}
