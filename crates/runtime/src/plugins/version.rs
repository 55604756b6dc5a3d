//! Versions of plug-ins and ranges of them (KIP-891), ordered and written as Maven does.
//!
//! Counterpart: `org.apache.maven.artifact.versioning.{ComparableVersion, VersionRange}` and
//! `org.apache.kafka.connect.runtime.isolation.PluginUtils.connectorVersionRequirement`.

use std::cmp::Ordering;
use std::fmt;

/// A version, ordered as Maven orders: `1.10 > 1.9`, `1.0-SNAPSHOT < 1.0`, any number above any word.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
enum Item {
    /// Digits without leading zeros: compared by length, then as text, so that any size works.
    Number(String),
    Word(String),
    List(Vec<Item>),
}

impl Version {
    /// Any text is a version.
    pub fn parse(text: &str) -> Self {
        Version { text: text.to_owned(), items: parse_items(&text.to_lowercase()) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_lists(&self.items, &other.items)
    }
}

/// Dots part items, hyphens and changes between digits and letters open a nested list.
fn parse_items(text: &str) -> Vec<Item> {
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut start = 0;
    let mut digits = false;
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        match c {
            '.' | '-' => {
                let item =
                    if at == start { Item::Number(String::new()) } else { item(&text[start..at], digits, false) };
                push(&mut open, item);
                start = at + 1;
                if c == '-' {
                    open.push(Vec::new());
                }
            }
            '0'..='9' => {
                if !digits && at > start {
                    push(&mut open, item(&text[start..at], false, true));
                    start = at;
                    open.push(Vec::new());
                }
                digits = true;
            }
            _ => {
                if digits && at > start && bytes[start].is_ascii_digit() {
                    push(&mut open, item(&text[start..at], true, false));
                    start = at;
                    open.push(Vec::new());
                }
                digits = false;
            }
        }
    }
    if start < text.len() {
        push(&mut open, item(&text[start..], digits, false));
    }
    let mut inner = normalized(open.pop().unwrap_or_default());
    while let Some(mut outer) = open.pop() {
        // What a list says nothing with is cut off before the nested list that follows it.
        while outer.last().is_some_and(is_null) {
            outer.pop();
        }
        if !inner.is_empty() {
            outer.push(Item::List(inner));
        }
        inner = outer;
    }
    inner
}

fn push(open: &mut [Vec<Item>], item: Item) {
    if let Some(list) = open.last_mut() {
        list.push(item);
    }
}

fn item(text: &str, digits: bool, followed_by_digit: bool) -> Item {
    if digits {
        return Item::Number(text.trim_start_matches('0').to_owned());
    }
    let word = match text {
        "a" if followed_by_digit => "alpha",
        "b" if followed_by_digit => "beta",
        "m" if followed_by_digit => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        other => other,
    };
    Item::Word(word.to_owned())
}

fn is_null(item: &Item) -> bool {
    match item {
        Item::Number(text) | Item::Word(text) => text.is_empty(),
        Item::List(items) => items.is_empty(),
    }
}

fn normalized(mut items: Vec<Item>) -> Vec<Item> {
    while items.last().is_some_and(is_null) {
        items.pop();
    }
    items
}

/// Known words in their order, then unknown ones by the alphabet; the empty word is a release.
fn word_rank(word: &str) -> (usize, &str) {
    const KNOWN: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
    match KNOWN.iter().position(|known| *known == word) {
        Some(rank) => (rank, ""),
        None => (KNOWN.len(), word),
    }
}

fn compare_lists(left: &[Item], right: &[Item]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|at| match (left.get(at), right.get(at)) {
            (Some(l), r) => compare(l, r),
            (None, Some(r)) => compare(r, None).reverse(),
            (None, None) => Ordering::Equal,
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn compare(left: &Item, right: Option<&Item>) -> Ordering {
    match (left, right) {
        (Item::Number(l), Some(Item::Number(r))) => l.len().cmp(&r.len()).then_with(|| l.cmp(r)),
        (Item::Number(l), None) if l.is_empty() => Ordering::Equal,
        (Item::Number(_), None) => Ordering::Greater,
        (Item::Number(_), Some(_)) => Ordering::Greater,
        (Item::Word(l), Some(Item::Word(r))) => word_rank(l).cmp(&word_rank(r)),
        (Item::Word(l), None) => word_rank(l).cmp(&word_rank("")),
        (Item::Word(_), Some(_)) => Ordering::Less,
        (Item::List(l), Some(Item::List(r))) => compare_lists(l, r),
        (Item::List(l), None) => l.first().map_or(Ordering::Equal, |first| compare(first, None)),
        (Item::List(_), Some(Item::Number(_))) => Ordering::Less,
        (Item::List(_), Some(Item::Word(_))) => Ordering::Greater,
    }
}

/// A set of versions, as `[1.0,2.0)` or `[1.2]`.
#[derive(Clone, Debug)]
pub struct VersionRange(Vec<Restriction>);

#[derive(Clone, Debug)]
struct Restriction {
    lower: Option<Version>,
    lower_inclusive: bool,
    upper: Option<Version>,
    upper_inclusive: bool,
}

/// A text that is no version range; the message is Maven's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRange(String);

impl VersionRange {
    /// What a `*.plugin.version` key asks for: `None` is the newest, a bare version is exactly that one.
    ///
    /// # Errors
    /// The text is no range.
    pub fn required(text: Option<&str>) -> Result<Option<Self>, InvalidRange> {
        let Some(text) = text.filter(|text| *text != "latest") else { return Ok(None) };
        let text = text.trim();
        let restrictions = match parse_range(text)? {
            Some(restrictions) => restrictions,
            None => parse_range(&format!("[{text}]"))?.unwrap_or_default(),
        };
        Ok(Some(VersionRange(restrictions)))
    }

    /// True if the version is in the set.
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().any(|range| {
            let above = range.lower.as_ref().is_none_or(|lower| match lower.cmp(version) {
                Ordering::Equal => range.lower_inclusive,
                order => order == Ordering::Less,
            });
            let below = range.upper.as_ref().is_none_or(|upper| match upper.cmp(version) {
                Ordering::Equal => range.upper_inclusive,
                order => order == Ordering::Greater,
            });
            above && below
        })
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let bound = |version: &Option<Version>| version.as_ref().map(Version::to_string).unwrap_or_default();
            let comma = if at > 0 { "," } else { "" };
            let (open, close) =
                (if range.lower_inclusive { '[' } else { '(' }, if range.upper_inclusive { ']' } else { ')' });
            write!(f, "{comma}{open}{},{}{close}", bound(&range.lower), bound(&range.upper))?;
        }
        Ok(())
    }
}

/// `None` for a bare version, which restricts nothing.
fn parse_range(spec: &str) -> Result<Option<Vec<Restriction>>, InvalidRange> {
    let mut restrictions: Vec<Restriction> = Vec::new();
    let mut rest = spec;
    while rest.starts_with(['[', '(']) {
        let end = rest.find([')', ']']).ok_or_else(|| InvalidRange(format!("Unbounded range: {spec}")))?;
        let restriction = parse_restriction(&rest[..=end])?;
        if let Some(upper) = restrictions.last().and_then(|previous| previous.upper.as_ref())
            && restriction.lower.as_ref().is_none_or(|lower| lower < upper)
        {
            return Err(InvalidRange(format!("Ranges overlap: {spec}")));
        }
        restrictions.push(restriction);
        rest = rest[end + 1..].trim();
        rest = rest.strip_prefix(',').map_or(rest, str::trim);
    }
    if rest.is_empty() {
        return Ok(Some(restrictions).filter(|restrictions| !restrictions.is_empty()));
    }
    if restrictions.is_empty() {
        return Ok(None);
    }
    Err(InvalidRange(format!("Only fully-qualified sets allowed in multiple set scenario: {spec}")))
}

fn parse_restriction(spec: &str) -> Result<Restriction, InvalidRange> {
    let (lower_inclusive, upper_inclusive) = (spec.starts_with('['), spec.ends_with(']'));
    let inner = spec[1..spec.len() - 1].trim();
    let Some((lower, upper)) = inner.split_once(',') else {
        if !lower_inclusive || !upper_inclusive {
            return Err(InvalidRange(format!("Single version must be surrounded by []: {spec}")));
        }
        let version = Version::parse(inner);
        return Ok(Restriction {
            lower: Some(version.clone()),
            lower_inclusive,
            upper: Some(version),
            upper_inclusive,
        });
    };
    let bound = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(Version::parse);
    let (lower, upper) = (bound(lower), bound(upper));
    if let (Some(lower), Some(upper)) = (&lower, &upper) {
        let order = upper.cmp(lower);
        if order.is_lt() || (order.is_eq() && !(lower_inclusive && upper_inclusive)) {
            return Err(InvalidRange(format!("Range defies version ordering: {spec}")));
        }
    }
    Ok(Restriction { lower, lower_inclusive, upper, upper_inclusive })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_maven_orders_them() {
        let ascending = [
            "undefined",
            "1-alpha",
            "1-beta",
            "1-rc1",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-foo",
            "1-1",
            "1.0.1",
            "1.9",
            "1.10",
            "2.0-rc",
            "2.0",
            "4.3.1",
            "99999999999999999999",
        ];
        for pair in ascending.windows(2) {
            assert!(Version::parse(pair[0]) < Version::parse(pair[1]), "{pair:?}");
        }
        for (left, right) in [("1", "1.0.0"), ("1.0-ga", "1"), ("1-cr2", "1-RC2"), ("1x", "1-x"), ("01.2", "1.2")] {
            assert_eq!(Version::parse(left), Version::parse(right), "{left} {right}");
        }
    }

    #[test]
    fn ranges_contain_what_lies_between_their_bounds() {
        let contains = |range: &str, version: &str| {
            VersionRange::required(Some(range)).unwrap().unwrap().contains(&Version::parse(version))
        };
        for (range, inside, outside) in [
            ("4.3.1", "4.3.1", "4.3.2"),
            ("[1.0,2.0)", "1.5", "2.0"),
            ("(,1.0]", "0.1", "1.1"),
            ("[1,2),[3,4]", "3.5", "2.5"),
            ("1.0,2.0", "2.0", "2.1"),
            (" [1,) ", "7", "0.9"),
        ] {
            assert!(contains(range, inside), "{range} {inside}");
            assert!(!contains(range, outside), "{range} {outside}");
        }
        assert!(!contains("", "4.3.1"));
        assert!(VersionRange::required(None).unwrap().is_none());
        assert!(VersionRange::required(Some("latest")).unwrap().is_none());
    }

    #[test]
    fn ranges_are_written_in_one_form() {
        for (range, shown) in
            [("9.9", "[9.9,9.9]"), ("", "[,]"), ("[1,2) , (3,]", "[1,2),(3,]"), ("1.0, 2.0", "[1.0,2.0]")]
        {
            assert_eq!(VersionRange::required(Some(range)).unwrap().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_range_is_refused_in_mavens_words() {
        for (range, message) in [
            ("[1", "Unbounded range: [1"),
            ("[2.0,1.0]", "Range defies version ordering: [2.0,1.0]"),
            ("(1)", "Single version must be surrounded by []: (1)"),
            ("[1,3],[2,4]", "Ranges overlap: [1,3],[2,4]"),
            ("[1,2],3", "Only fully-qualified sets allowed in multiple set scenario: [1,2],3"),
        ] {
            assert_eq!(VersionRange::required(Some(range)).unwrap_err().to_string(), message);
        }
    }
}
