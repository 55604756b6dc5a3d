//! `PairCache`: what was worked out for the last few pairs of schemas.

use milena_api::data::Schema;
use milena_api::error::Result;

const CAPACITY: usize = 16;

/// As `SchemaCache`, for results that follow from two schemas.
pub(super) struct PairCache<T>(Vec<(Schema, Schema, T)>);

impl<T> Default for PairCache<T> {
    fn default() -> Self {
        PairCache(Vec::new())
    }
}

impl<T> PairCache<T> {
    /// The result for these schemas, made by `make` if they are new.
    pub(super) fn get(&mut self, a: &Schema, b: &Schema, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        let entries = &mut self.0;
        let found = entries.iter().position(|(known_a, known_b, _)| known_a.same(a) && known_b.same(b));
        match found.or_else(|| entries.iter().position(|(known_a, known_b, _)| known_a == a && known_b == b)) {
            Some(0) => {}
            Some(at) => entries[..=at].rotate_right(1),
            None => {
                let made = make()?;
                entries.truncate(CAPACITY - 1);
                entries.insert(0, (a.clone(), b.clone(), made));
            }
        }
        // Equal schemas that are other objects take the place, so that the next record finds them at once.
        let (known_a, known_b, made) = &mut entries[0];
        if !(known_a.same(a) && known_b.same(b)) {
            (*known_a, *known_b) = (a.clone(), b.clone());
        }
        Ok(made)
    }
}
