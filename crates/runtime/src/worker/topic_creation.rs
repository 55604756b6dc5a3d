//! `TopicCreation`: creates the topics a source connector writes to (KIP-158).
//!
//! Counterpart: `org.apache.kafka.connect.util.TopicCreation`, `TopicAdmin`.

use std::collections::HashSet;
use std::sync::Arc;

use milena_api::error::{Error, Result};
use milena_kafka::admin::{Admin, NewTopic};

use super::errors::from_kafka;
use crate::config::TopicCreationGroups;

/// Creates topics for one task; remembers those that exist.
pub(super) struct TopicCreation {
    /// `None` leaves creation to the broker.
    creator: Option<(Admin, TopicCreationGroups)>,
    known: HashSet<Arc<str>>,
    last: Option<Arc<str>>,
}

impl TopicCreation {
    /// With `None` every topic counts as known.
    pub(super) fn new(creator: Option<(Admin, TopicCreationGroups)>) -> Self {
        TopicCreation { creator, known: HashSet::new(), last: None }
    }

    /// True if nothing is to be done before a record goes to this topic.
    pub(super) fn is_known(&mut self, topic: &Arc<str>) -> bool {
        if self.creator.is_none() || self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, topic)) {
            return true;
        }
        let known = self.known.contains(topic);
        if known {
            self.last = Some(Arc::clone(topic));
        }
        known
    }

    /// Creates the topic if it is not known to exist.
    ///
    /// # Errors
    /// Retriable where Kafka says so; else the task is to fail.
    pub(super) async fn ensure(&mut self, topic: &Arc<str>) -> Result<()> {
        if self.is_known(topic) {
            return Ok(());
        }
        let Some((admin, groups)) = &self.creator else { return Ok(()) };
        if !admin.topic_exists(topic).await.map_err(from_kafka)? {
            let group = groups.of(topic);
            tracing::info!(%topic, group = %group.name, "creating a topic for source records");
            let mut new = NewTopic::new(&**topic, group.partitions, group.replication_factor);
            new.configs = group.configs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            for (_, created) in admin.create_topics(vec![new]).await.map_err(from_kafka)? {
                match created {
                    Ok(()) => {}
                    Err(error) if error.is_topic_exists() => {}
                    Err(error) => {
                        let error = from_kafka(error);
                        if error.is_retriable() {
                            return Err(error);
                        }
                        return Err(Error::fatal(format!(
                            "Task failed to create new topic {topic}. Ensure that the task is authorized to create topics \
                             or that the topic exists and restart the task"
                        ))
                        .with_source(error));
                    }
                }
            }
        }
        self.known.insert(Arc::clone(topic));
        Ok(())
    }
}
