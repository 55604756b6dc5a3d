//! `TopicTracker`: notes which topics a task uses (KIP-558), once per topic and reset.

use std::sync::Arc;

use crate::storage::StatusStore;

/// Notes the topics of one task; cheap where consecutive batches are of one topic.
pub(super) struct TopicTracker {
    connector: Arc<str>,
    /// `None` where topics are not tracked.
    store: Option<Arc<StatusStore>>,
    last: Option<(Arc<str>, u64)>,
}

impl TopicTracker {
    pub(super) fn new(connector: Arc<str>, store: Option<Arc<StatusStore>>) -> Self {
        TopicTracker { connector, store, last: None }
    }

    /// A batch of this topic went by.
    pub(super) fn saw(&mut self, topic: &Arc<str>) {
        let Some(store) = &self.store else { return };
        let resets = store.topic_resets();
        if self.last.as_ref().is_some_and(|(last, at)| *at == resets && last == topic) {
            return;
        }
        store.add_topic(&self.connector, topic);
        self.last = Some((Arc::clone(topic), resets));
    }
}
