//! `Map`: an insertion-ordered map with values of any class as keys.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Value;

/// Below this size a scan beats hashing; records rarely have more keys.
const INDEX_FROM: usize = 16;

/// Connect map. Small maps are a vector that look-ups scan; larger ones carry a hash index.
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<(Value, Value)>,
    index: Option<Box<Index>>,
}

#[derive(Clone, Default)]
struct Index {
    table: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Map::default()
    }

    /// An empty map with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Map { entries: Vec::with_capacity(capacity), index: None }
    }

    /// A map of entries whose keys the caller knows to be distinct: nothing is compared.
    pub fn from_distinct(entries: Vec<(Value, Value)>) -> Self {
        let mut map = Map { entries, index: None };
        if map.entries.len() >= INDEX_FROM {
            map.build_index();
        }
        map
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries in insertion order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> + Clone {
        self.entries.iter().map(|(k, v)| (k, v))
    }

    /// The entries, taken out.
    pub fn into_entries(self) -> Vec<(Value, Value)> {
        self.entries
    }

    /// Values in insertion order, to be changed in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = (&Value, &mut Value)> {
        self.entries.iter_mut().map(|(k, v)| (&*k, v))
    }

    /// The value of `key`.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    /// The value of a text key, without making a `Value` of it.
    pub fn get_str(&self, key: &str) -> Option<&Value> {
        match &self.index {
            None => self.entries.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v),
            Some(_) => self.get(&Value::from(key)),
        }
    }

    /// The value of a text key, to be changed in place.
    pub fn get_str_mut(&mut self, key: &str) -> Option<&mut Value> {
        let at = match &self.index {
            None => self.entries.iter().position(|(k, _)| k.as_str() == Some(key)),
            Some(_) => self.position(&Value::from(key)),
        };
        at.map(|at| &mut self.entries[at].1)
    }

    /// True if `key` has an entry, be its value null or not.
    pub fn contains_key(&self, key: &Value) -> bool {
        self.position(key).is_some()
    }

    /// Sets `key`; an existing key keeps its place. Gives the old value.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        if let Some(at) = self.position(&key) {
            return Some(std::mem::replace(&mut self.entries[at].1, value));
        }
        self.entries.push((key, value));
        if let Some(index) = &mut self.index {
            index.add(&self.entries, self.entries.len() - 1);
        } else if self.entries.len() >= INDEX_FROM {
            self.build_index();
        }
        None
    }

    /// Removes `key` and gives its value; the order of the others stays.
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        let at = self.position(key)?;
        let (_, value) = self.entries.remove(at);
        if self.index.take().is_some() && self.entries.len() >= INDEX_FROM {
            self.build_index();
        }
        Some(value)
    }

    fn position(&self, key: &Value) -> Option<usize> {
        match &self.index {
            None => self.entries.iter().position(|(k, _)| k == key),
            Some(index) => index.table.find(index.hasher.hash_one(key), |&at| self.entries[at].0 == *key).copied(),
        }
    }

    fn build_index(&mut self) {
        let mut index = Index::default();
        for at in 0..self.entries.len() {
            index.add(&self.entries, at);
        }
        self.index = Some(Box::new(index));
    }
}

impl Index {
    fn add(&mut self, entries: &[(Value, Value)], at: usize) {
        let hasher = &self.hasher;
        self.table.insert_unique(hasher.hash_one(&entries[at].0), at, |&other| hasher.hash_one(&entries[other].0));
    }
}

impl FromIterator<(Value, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Map::with_capacity(entries.size_hint().0);
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

/// As Java's maps: the same entries, in any order.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

impl Eq for Map {}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Order must not matter, so the entries' own hashes are added up.
        let sum = self.entries.iter().fold(0u64, |sum, entry| {
            let mut own = std::hash::DefaultHasher::new();
            entry.hash(&mut own);
            sum.wrapping_add(own.finish())
        });
        state.write_u64(sum);
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// `{a=1, b=x}`.
impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (key, value)) in self.entries.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{key}={value}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_map_finds_what_a_small_one_finds() {
        let mut map = Map::new();
        for i in 0..1000 {
            assert!(map.insert(format!("k{i}"), i).is_none());
        }
        assert_eq!(map.insert("k500", 7), Some(Value::I32(500)));
        assert_eq!(map.get_str("k500"), Some(&Value::I32(7)));
        assert_eq!(map.remove(&Value::from("k3")), Some(Value::I32(3)));
        assert_eq!(map.get_str("k999"), Some(&Value::I32(999)));
        assert_eq!(map.get_str("k3"), None);
        assert_eq!(map.iter().next(), Some((&Value::from("k0"), &Value::I32(0))));
    }

    #[test]
    fn equality_ignores_order() {
        let a: Map = [("a".into(), 1.into()), ("b".into(), 2.into())].into_iter().collect();
        let b: Map = [("b".into(), 2.into()), ("a".into(), 1.into())].into_iter().collect();
        assert_eq!(a, b);
    }
}
