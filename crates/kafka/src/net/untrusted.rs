//! Checks what came from elsewhere before it is decoded: every length in it has to fit the bytes at hand.
//!
//! The decoders allocate what a length announces. Here the structure is walked first, so that a broker (or a member of the same
//! group) that announces two billion entries in a frame of forty bytes gets an error instead of the memory. Only lengths are read;
//! record batches are stepped over in one go.

use super::answer_shapes::{ANSWERS, ASSIGNMENTS, SUBSCRIPTIONS};

/// What one version of a message looks like.
#[derive(Debug)]
pub(super) struct Shape {
    /// Key of the request; -1 for what members of a group tell each other.
    pub key: i16,
    pub name: &'static str,
    /// First and last version that look so.
    pub versions: (i16, i16),
    pub parts: &'static [Part],
}

/// A stretch of a message.
#[derive(Debug)]
pub(super) enum Part {
    /// So many bytes, whatever they are.
    Fixed(usize),
    /// Length of two bytes, -1 for null.
    Text(&'static str),
    /// Length plus one as varint, 0 for null; as all compact ones.
    CompactText(&'static str),
    /// Length of four bytes, -1 for null.
    Bytes(&'static str),
    CompactBytes(&'static str),
    /// Count of four bytes, -1 for null; the fewest bytes an entry can have, and what an entry looks like.
    Array(&'static str, usize, &'static [Part]),
    CompactArray(&'static str, usize, &'static [Part]),
    /// One byte, -1 for null, or 1 and these parts.
    Optional(&'static str, &'static [Part]),
    /// Tagged fields: those that are known, in the order of their tags.
    Tags(&'static [(u32, &'static [Part])]),
}

/// A tag and a size, of one byte each.
const LEAST_TAG: usize = 2;

/// Checks the answer to a request, from its header on.
///
/// # Errors
/// Says which field does not fit, and where it is.
pub(super) fn check_answer(key: i16, version: i16, header_version: i16, answer: &[u8]) -> Result<(), String> {
    let shape = find(ANSWERS, key, version)
        .ok_or_else(|| format!("answers to request {key} version {version} are not known to this client"))?;
    let mut walker = Walker { bytes: answer, at: 0 };
    let header: &[Part] = if header_version >= 1 { &[Part::Fixed(4), Part::Tags(&[])] } else { &[Part::Fixed(4)] };
    walker.walk(header).map_err(|wrong| wrong.describe(shape.name, version))?;
    walker.walk(shape.parts).map_err(|wrong| wrong.describe(shape.name, version))
}

/// Checks what a member of a `consumer` group wants, without the version in front of it.
pub(crate) fn check_subscription(version: i16, bytes: &[u8]) -> Result<(), String> {
    check_embedded(SUBSCRIPTIONS, version, bytes)
}

/// Checks what the leader of a `consumer` group assigns, without the version in front of it.
pub(crate) fn check_assignment(version: i16, bytes: &[u8]) -> Result<(), String> {
    check_embedded(ASSIGNMENTS, version, bytes)
}

fn check_embedded(shapes: &'static [Shape], version: i16, bytes: &[u8]) -> Result<(), String> {
    let shape = find(shapes, -1, version).ok_or_else(|| format!("version {version} is not known to this client"))?;
    Walker { bytes, at: 0 }.walk(shape.parts).map_err(|wrong| wrong.describe(shape.name, version))
}

fn find(shapes: &'static [Shape], key: i16, version: i16) -> Option<&'static Shape> {
    let start = shapes.partition_point(|shape| shape.key < key);
    let mut same_key = shapes.get(start..)?.iter().take_while(|shape| shape.key == key);
    same_key.find(|shape| (shape.versions.0..=shape.versions.1).contains(&version))
}

/// What does not fit, and where.
struct Wrong {
    at: usize,
    reason: String,
    /// From the innermost field outwards.
    path: Vec<String>,
}

impl Wrong {
    fn inside(mut self, field: impl Into<String>) -> Self {
        self.path.push(field.into());
        self
    }

    fn describe(self, name: &str, version: i16) -> String {
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        let field = if path.is_empty() { String::new() } else { format!("field {} at ", path.join(".")) };
        format!("{name} version {version}, {field}byte {}: {}", self.at, self.reason)
    }
}

type Walked<T = ()> = Result<T, Wrong>;

/// Goes through bytes along a shape.
struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walker<'_> {
    fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong { at: self.at, reason: reason.into(), path: Vec::new() }
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn skip(&mut self, len: usize) -> Walked {
        if len > self.left() {
            return Err(self.wrong(format!("{len} bytes are due, {} are left", self.left())));
        }
        self.at += len;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Walked<[u8; N]> {
        let Some(array) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) else {
            return Err(self.wrong(format!("{N} bytes are due, {} are left", self.left())));
        };
        self.at += N;
        Ok(*array)
    }

    /// At most five bytes, as a number of 32 bits has.
    fn varint(&mut self) -> Walked<u32> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| self.wrong("a number has more than 32 bits"));
            }
        }
        Err(self.wrong("a number has more than five bytes"))
    }

    /// A length as it stands in the message; `None` for null.
    fn length(&self, announced: i64) -> Walked<Option<usize>> {
        match announced {
            -1 => Ok(None),
            _ => match usize::try_from(announced) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(self.wrong(format!("a length of {announced}"))),
            },
        }
    }

    fn walk(&mut self, parts: &'static [Part]) -> Walked {
        for part in parts {
            match part {
                Part::Fixed(len) => self.skip(*len)?,
                Part::Text(name) => {
                    let announced = i16::from_be_bytes(self.take().map_err(|wrong| wrong.inside(*name))?);
                    self.run(name, announced.into())?;
                }
                Part::Bytes(name) => {
                    let announced = i32::from_be_bytes(self.take().map_err(|wrong| wrong.inside(*name))?);
                    self.run(name, announced.into())?;
                }
                Part::CompactText(name) | Part::CompactBytes(name) => {
                    let announced = self.varint().map_err(|wrong| wrong.inside(*name))?;
                    self.run(name, i64::from(announced) - 1)?;
                }
                Part::Array(name, least, entry) => {
                    let announced = i32::from_be_bytes(self.take().map_err(|wrong| wrong.inside(*name))?);
                    self.entries(name, announced.into(), *least, entry)?;
                }
                Part::CompactArray(name, least, entry) => {
                    let announced = self.varint().map_err(|wrong| wrong.inside(*name))?;
                    self.entries(name, i64::from(announced) - 1, *least, entry)?;
                }
                Part::Optional(name, parts) => match self.take().map_err(|wrong| wrong.inside(*name))? {
                    [1] => self.walk(parts).map_err(|wrong| wrong.inside(*name))?,
                    [0xff] => {}
                    [other] => return Err(self.wrong(format!("{other} is neither 1 nor -1")).inside(*name)),
                },
                Part::Tags(known) => self.tags(known)?,
            }
        }
        Ok(())
    }

    /// Steps over a text or bytes.
    fn run(&mut self, name: &str, announced: i64) -> Walked {
        let length = self.length(announced).map_err(|wrong| wrong.inside(name))?;
        self.skip(length.unwrap_or(0)).map_err(|wrong| wrong.inside(name))
    }

    fn entries(&mut self, name: &str, announced: i64, least: usize, entry: &'static [Part]) -> Walked {
        let Some(count) = self.length(announced).map_err(|wrong| wrong.inside(name))? else { return Ok(()) };
        if count.saturating_mul(least) > self.left() {
            let reason = format!("{count} entries of {least} bytes or more are announced, {} are left", self.left());
            return Err(self.wrong(reason).inside(name));
        }
        if let [Part::Fixed(len)] = entry {
            return self.skip(count.saturating_mul(*len)).map_err(|wrong| wrong.inside(name));
        }
        for index in 0..count {
            self.walk(entry).map_err(|wrong| wrong.inside(format!("{name}[{index}]")))?;
        }
        Ok(())
    }

    fn tags(&mut self, known: &'static [(u32, &'static [Part])]) -> Walked {
        let count = self.varint()? as usize;
        if count.saturating_mul(LEAST_TAG) > self.left() {
            return Err(self.wrong(format!("{count} tagged fields are announced, {} bytes are left", self.left())));
        }
        for _ in 0..count {
            let (tag, size) = (self.varint()?, self.varint()? as usize);
            let start = self.at;
            match known.iter().find(|(number, _)| *number == tag) {
                // Decoders read what they know and do not look at the size: it has to be the right one.
                Some((_, parts)) => {
                    self.walk(parts).map_err(|wrong| wrong.inside(format!("tag {tag}")))?;
                    if self.at - start != size {
                        let reason = format!("tag {tag} has {} bytes and announces {size}", self.at - start);
                        return Err(self.wrong(reason));
                    }
                }
                None => self.skip(size).map_err(|wrong| wrong.inside(format!("tag {tag}")))?,
            }
        }
        Ok(())
    }
}

/// Messages that look as these parts do, for tests and as seeds of fuzzing.
#[cfg(any(test, fuzzing))]
pub(crate) mod sample {
    use super::{ANSWERS, Part};

    /// Every answer that is known: key, version, and one with two entries in each array and a field in each group of tagged fields.
    pub(crate) fn answers() -> impl Iterator<Item = (i16, i16, Vec<u8>)> {
        ANSWERS.iter().flat_map(|shape| {
            (shape.versions.0..=shape.versions.1).map(|version| (shape.key, version, message(shape.parts)))
        })
    }

    pub(super) fn message(parts: &[Part]) -> Vec<u8> {
        let mut out = Vec::new();
        write(parts, &mut out);
        out
    }

    fn write(parts: &[Part], out: &mut Vec<u8>) {
        for part in parts {
            match part {
                Part::Fixed(len) => out.extend(std::iter::repeat_n(1, *len)),
                Part::Text(_) => out.extend_from_slice(b"\0\x02ab"),
                Part::Bytes(_) => out.extend_from_slice(b"\0\0\0\x02ab"),
                Part::CompactText(_) | Part::CompactBytes(_) => out.extend_from_slice(b"\x03ab"),
                Part::Array(_, _, entry) => {
                    out.extend_from_slice(&[0, 0, 0, 2]);
                    write(entry, out);
                    write(entry, out);
                }
                Part::CompactArray(_, _, entry) => {
                    out.push(3);
                    write(entry, out);
                    write(entry, out);
                }
                Part::Optional(_, parts) => {
                    out.push(1);
                    write(parts, out);
                }
                Part::Tags(known) => {
                    let fields: Vec<(u32, Vec<u8>)> = known.iter().map(|(tag, parts)| (*tag, message(parts))).collect();
                    varint(fields.len() + 1, out);
                    for (tag, field) in fields.into_iter().chain([(99, vec![1, 2, 3])]) {
                        varint(tag as usize, out);
                        varint(field.len(), out);
                        out.extend(field);
                    }
                }
            }
        }
    }

    fn varint(mut value: usize, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::messages::consumer_protocol_assignment::ConsumerProtocolAssignment;
    use kafka_protocol::messages::consumer_protocol_subscription::ConsumerProtocolSubscription;
    use kafka_protocol::messages::{ApiKey, ResponseKind};
    use kafka_protocol::protocol::Decodable;

    use super::*;

    /// With a header of version 0.
    fn answer(body: &[u8]) -> Vec<u8> {
        [&[0; 4], body].concat()
    }

    #[test]
    fn shapes_and_decoders_agree_on_every_answer() {
        let mut checked = 0;
        for (key, version, body) in sample::answers() {
            check_answer(key, version, 0, &answer(&body)).unwrap();
            let api = ApiKey::try_from(key).unwrap();
            if version > api.valid_versions().max {
                continue;
            }
            let mut bytes = Bytes::from(body);
            ResponseKind::decode(api, &mut bytes, version).unwrap_or_else(|e| panic!("{api:?} {version}: {e}"));
            assert_eq!(bytes.len(), 0, "{api:?} {version}");
            checked += 1;
        }
        assert!(checked > 200, "{checked}");
    }

    #[test]
    fn every_version_that_can_be_decoded_can_be_checked() {
        for key in ANSWERS.iter().map(|shape| shape.key) {
            let api = ApiKey::try_from(key).unwrap();
            let versions = api.valid_versions();
            for version in versions.min..=versions.max {
                assert!(find(ANSWERS, key, version).is_some(), "{api:?} {version}");
            }
        }
    }

    #[test]
    fn what_group_members_tell_each_other_is_known_in_all_versions() {
        for version in 0..=3 {
            let subscription = sample::message(find(SUBSCRIPTIONS, -1, version).unwrap().parts);
            check_subscription(version, &subscription).unwrap();
            ConsumerProtocolSubscription::decode(&mut Bytes::from(subscription), version).unwrap();
            let assignment = sample::message(find(ASSIGNMENTS, -1, version).unwrap().parts);
            check_assignment(version, &assignment).unwrap();
            ConsumerProtocolAssignment::decode(&mut Bytes::from(assignment), version).unwrap();
        }
        assert!(check_assignment(4, &[0; 64]).is_err());
    }

    #[test]
    fn an_answer_that_is_cut_off_anywhere_is_refused() {
        for (key, version, body) in sample::answers() {
            let whole = answer(&body);
            for len in 0..whole.len() {
                assert!(check_answer(key, version, 0, &whole[..len]).is_err(), "{key} {version} {len}");
            }
        }
    }

    #[test]
    fn the_error_names_request_version_field_and_place() {
        // Metadata: throttle time, and one broker whose host has 300 bytes.
        let body = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7, 1, 44, b'h', b'o', b's', b't', 0, 0, 0, 0, 0, 0];
        assert_eq!(
            check_answer(3, 3, 0, &answer(&body)).unwrap_err(),
            "Metadata version 3, field brokers[0].host at byte 18: 300 bytes are due, 10 are left"
        );
    }

    #[test]
    fn counts_beyond_the_bytes_at_hand_are_refused() {
        let many = [0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0];
        let reason = check_answer(3, 3, 0, &answer(&many)).unwrap_err();
        assert!(reason.contains("2147483647 entries"), "{reason}");
        let negative = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xf0];
        let reason = check_answer(3, 3, 0, &answer(&negative)).unwrap_err();
        assert!(reason.contains("a length of -16"), "{reason}");
        // Compact: four billion.
        let compact = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(check_answer(3, 9, 0, &answer(&compact)).unwrap_err().contains("4294967294 entries"));
        let endless = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(check_answer(3, 9, 0, &answer(&endless)).unwrap_err().contains("more than five bytes"));
        let tags = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x03];
        assert!(check_answer(18, 3, 1, &tags).is_err());
    }

    #[test]
    fn a_tagged_field_has_the_size_that_it_announces() {
        // ApiVersions 3: no error, no keys, no throttle time, tag 1 (an epoch of eight bytes).
        let body = |size: u8| [&[0, 0, 1, 0, 0, 0, 0, 1, 1, size][..], &[0; 8]].concat();
        assert!(check_answer(18, 3, 0, &answer(&body(8))).is_ok());
        assert!(check_answer(18, 3, 0, &answer(&body(7))).unwrap_err().contains("tag 1 has 8 bytes and announces 7"));
    }

    #[test]
    fn a_request_that_is_not_known_has_no_answers() {
        assert!(check_answer(7, 0, 0, &[0; 8]).is_err());
        assert!(check_answer(3, 99, 0, &[0; 8]).is_err());
    }
}
