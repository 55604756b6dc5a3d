//! `Keys`: names of object members as texts that cost nothing to clone.
//!
//! Records of one topic repeat the same few names. Each is kept once for the life of the process (a bounded number of short ones), so that
//! a record's keys touch neither the heap nor a reference count. Which name follows which is remembered: usually one comparison finds it.
//! Only a name that comes a second time is kept: names that are data, such as identifiers, would fill the table.

use std::hash::BuildHasher as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use hashbrown::HashMap;
use milena_api::data::Str;

/// Names kept at most by the whole process: with [`MAX_LEN`], half a megabyte.
const MAX_KEPT: usize = 8192;
/// Names that one converter has kept at most, so that it cannot use up the table.
const MAX_OWN: usize = 1024;
/// Names that wait for their second time, by hash.
const CANDIDATES: usize = 256;
/// Longest name that is kept.
const MAX_LEN: usize = 64;

static KEPT: LazyLock<Mutex<HashMap<&'static str, ()>>> = LazyLock::new(Mutex::default);

/// The kept form of `text`; `None` if there are too many.
fn keep(text: &str) -> Option<&'static str> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((&known, ())) = kept.get_key_value(text) {
        return Some(known);
    }
    if kept.len() >= MAX_KEPT {
        return None;
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    kept.insert(leaked, ());
    Some(leaked)
}

/// The names that one converter has seen, in the order in which they were first seen.
#[derive(Default)]
pub(super) struct Keys {
    names: Vec<&'static str>,
    places: HashMap<&'static str, usize>,
    /// For each name, the place of the one that followed it last time.
    follower: Vec<usize>,
    last: usize,
    next: usize,
    /// Hashes of names seen once.
    candidates: Vec<u64>,
}

impl Keys {
    /// The kept form of a name, or `None` for one that is not kept.
    pub(super) fn get(&mut self, text: &str) -> Option<Str> {
        if let Some(&guess) = self.names.get(self.next)
            && guess == text
        {
            return Some(self.found(self.next, guess));
        }
        let place = match self.places.get(text) {
            Some(&place) => place,
            None => {
                if self.names.len() >= MAX_OWN || text.len() > MAX_LEN || !self.seen_before(text) {
                    return None;
                }
                let kept = keep(text)?;
                self.names.push(kept);
                self.follower.push(0);
                self.places.insert(kept, self.names.len() - 1);
                self.names.len() - 1
            }
        };
        if let Some(follower) = self.follower.get_mut(self.last) {
            *follower = place;
        }
        Some(self.found(place, self.names[place]))
    }

    fn seen_before(&mut self, text: &str) -> bool {
        if self.candidates.is_empty() {
            self.candidates = vec![0; CANDIDATES];
        }
        let hash = self.places.hasher().hash_one(text) | 1;
        let slot = (hash >> 32) as usize % CANDIDATES;
        std::mem::replace(&mut self.candidates[slot], hash) == hash
    }

    fn found(&mut self, place: usize, name: &'static str) -> Str {
        self.last = place;
        self.next = self.follower[place];
        Str::from_static(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_again_is_kept_once_and_guessed_from_the_one_before() {
        let mut keys = Keys::default();
        for name in ["id", "name", "id2"] {
            assert_eq!(keys.get(name), None);
        }
        let first: Vec<Str> = ["id", "name", "id2", "id", "name"].iter().map(|k| keys.get(k).unwrap()).collect();
        assert_eq!(first[0].as_ptr(), first[3].as_ptr());
        assert_eq!(first[1].as_ptr(), first[4].as_ptr());
        assert_eq!(keys.names[keys.next], "id2");
        assert_eq!(keys.get(&"x".repeat(MAX_LEN + 1)), None);
    }
}
