//! `Names`: a set of field names, or a table by field name, for a handful of entries as a rule.

use std::collections::HashMap;

use milena_api::data::Str;

/// Up to this size comparing beats hashing.
const SMALL: usize = 12;

/// Values by name. Small tables are searched from the start, larger ones through a hash index.
#[derive(Default)]
pub(crate) struct Names<T> {
    entries: Vec<(Str, T)>,
    places: HashMap<Str, usize>,
}

impl<T> Names<T> {
    /// The value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        if self.places.is_empty() {
            return self.entries.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value);
        }
        self.places.get(name).map(|&place| &self.entries[place].1)
    }

    /// True if the name is there.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// True without names.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Names and values in the order given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Str, &T)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }
}

/// Of a name given twice, the last value counts.
impl<T> FromIterator<(Str, T)> for Names<T> {
    fn from_iter<I: IntoIterator<Item = (Str, T)>>(all: I) -> Self {
        let mut names = Names { entries: Vec::new(), places: HashMap::new() };
        let mut places: HashMap<Str, usize> = HashMap::new();
        for (name, value) in all {
            match places.get(&name) {
                Some(&place) => names.entries[place].1 = value,
                None => {
                    places.insert(name.clone(), names.entries.len());
                    names.entries.push((name, value));
                }
            }
        }
        if names.entries.len() > SMALL {
            names.places = places;
        }
        names
    }
}

/// A set of names.
pub(crate) fn set(names: &[String]) -> Names<()> {
    names.iter().map(|name| (Str::from(name.as_str()), ())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_tables_find_the_same() {
        for size in [3, 100] {
            let names: Names<usize> =
                (0..size).map(|i| (Str::from(format!("f{i}")), i)).chain([(Str::from("f1"), 7)]).collect();
            assert_eq!(names.get("f1"), Some(&7));
            assert_eq!(names.get("f2"), Some(&2));
            assert!(!names.contains("x"));
            assert_eq!(names.iter().count(), size);
        }
    }
}
