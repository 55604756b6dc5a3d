//! `TopicNames`: topics made of field values.

use std::collections::HashMap;
use std::sync::Arc;

use milena_api::data::Str;

/// Values remembered at most.
const CAPACITY: usize = 1000;

/// Topics by the value they are made of; the last one is found without hashing.
#[derive(Default)]
pub(super) struct TopicNames {
    last: Option<(Str, Arc<str>)>,
    known: HashMap<Str, Arc<str>>,
}

impl TopicNames {
    /// The topic for a value, made by `make` if it is new. Keys are copies: they keep no buffer of records alive.
    pub(super) fn get<E>(
        &mut self,
        value: &Str,
        make: impl FnOnce(&str) -> Result<Arc<str>, E>,
    ) -> Result<Arc<str>, E> {
        if let Some((last, topic)) = &self.last
            && last == value
        {
            return Ok(Arc::clone(topic));
        }
        let (key, topic) = match self.known.get_key_value(value) {
            Some((key, topic)) => (key.clone(), Arc::clone(topic)),
            None => {
                let (key, topic) = (value.detach(), make(value)?);
                if self.known.len() >= CAPACITY {
                    self.known.clear();
                }
                self.known.insert(key.clone(), Arc::clone(&topic));
                (key, topic)
            }
        };
        self.last = Some((key, Arc::clone(&topic)));
        Ok(topic)
    }
}
