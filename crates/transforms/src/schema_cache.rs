//! `SchemaCache`: what was worked out for the last few schemas.

use milena_api::data::Schema;
use milena_api::error::Result;

/// Java's size.
const CAPACITY: usize = 16;

/// Up to 16 results, found by the schema object first and by its structure second; the one used last comes first.
pub(crate) struct SchemaCache<T>(Vec<(Schema, T)>);

impl<T> Default for SchemaCache<T> {
    fn default() -> Self {
        SchemaCache(Vec::new())
    }
}

impl<T> SchemaCache<T> {
    /// The result for this schema, made by `make` if it is new.
    pub(crate) fn get(&mut self, schema: &Schema, make: impl FnOnce(&Schema) -> Result<T>) -> Result<&T> {
        let entries = &mut self.0;
        let found = entries.iter().position(|(known, _)| known.same(schema));
        match found.or_else(|| entries.iter().position(|(known, _)| known == schema)) {
            Some(0) => {}
            Some(at) => entries[..=at].rotate_right(1),
            None => {
                let made = make(schema)?;
                entries.truncate(CAPACITY - 1);
                entries.insert(0, (schema.clone(), made));
            }
        }
        // An equal schema that is another object takes the place, so that the next record finds it at once.
        let (known, made) = &mut entries[0];
        if !known.same(schema) {
            *known = schema.clone();
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_made_once_per_schema() {
        let mut cache = SchemaCache::default();
        let mut made = 0;
        for schema in [Schema::int8(), Schema::int16(), Schema::int8(), Schema::int16()] {
            cache
                .get(&schema, |_| {
                    made += 1;
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(made, 2);
    }
}
