//! `TopicCache`: what was found out about topics by name.

use std::collections::HashMap;
use std::sync::Arc;

/// Topics remembered at most.
const CAPACITY: usize = 1000;

/// Results by topic; the last one is found without hashing.
pub(crate) struct TopicCache<T> {
    last: Option<(Arc<str>, T)>,
    known: HashMap<Arc<str>, T>,
}

impl<T> Default for TopicCache<T> {
    fn default() -> Self {
        TopicCache { last: None, known: HashMap::new() }
    }
}

impl<T: Clone> TopicCache<T> {
    /// The result for a topic, made by `make` if it is new.
    pub(crate) fn get<E>(&mut self, topic: &Arc<str>, make: impl FnOnce(&str) -> Result<T, E>) -> Result<T, E> {
        if let Some((last, result)) = &self.last
            && last == topic
        {
            return Ok(result.clone());
        }
        let result = match self.known.get(topic) {
            Some(result) => result.clone(),
            None => {
                let made = make(topic)?;
                if self.known.len() >= CAPACITY {
                    self.known.clear();
                }
                self.known.insert(Arc::clone(topic), made.clone());
                made
            }
        };
        self.last = Some((Arc::clone(topic), result.clone()));
        Ok(result)
    }
}
