//! The topics: names, ids, configurations and partitions.

use crate::config::DevBrokerConfig;
use crate::error::{Error, Result};
use crate::journal::{Entry, Journal};
use crate::log::{Memory, Partition};
use crate::sync::{lock, read, write};
use crate::topic_configs::{Configs, LogSettings};
use kafka_protocol::ResponseError;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use uuid::Uuid;

const LONGEST_NAME: usize = 249;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub name: Arc<str>,
    pub id: Uuid,
    configs: Mutex<Configs>,
    partitions: RwLock<Vec<Arc<Partition>>>,
}

impl Topic {
    /// The partition of that index.
    pub fn partition(&self, index: i32) -> Option<Arc<Partition>> {
        read(&self.partitions).get(usize::try_from(index).ok()?).map(Arc::clone)
    }

    /// All partitions, in order.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        read(&self.partitions).clone()
    }

    /// Number of partitions.
    pub fn partition_count(&self) -> i32 {
        i32::try_from(read(&self.partitions).len()).unwrap_or(i32::MAX)
    }

    /// Configurations that were set.
    pub fn configs(&self) -> Configs {
        lock(&self.configs).clone()
    }

    fn entry(&self, configs: Configs, partitions: usize) -> Entry {
        Entry::Topic {
            name: self.name.to_string(),
            id: self.id,
            partitions: u32::try_from(partitions).unwrap_or(0),
            configs,
        }
    }
}

#[derive(Debug, Default)]
struct Index {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

/// A refused change: the code and a text for the client.
pub(crate) type Refused = (ResponseError, String);

/// All topics of the broker.
#[derive(Debug)]
pub(crate) struct Topics {
    index: RwLock<Index>,
    config: Arc<DevBrokerConfig>,
    journal: Arc<Journal>,
    memory: Arc<Memory>,
}

/// What a journal says of a topic at start.
#[derive(Debug)]
pub(crate) struct KeptTopic {
    pub id: Uuid,
    pub partitions: u32,
    pub configs: Configs,
    pub log_starts: BTreeMap<i32, i64>,
}

impl Topics {
    /// Opens the topics that a journal has; `trusted` after a clean stop.
    pub fn open(
        config: Arc<DevBrokerConfig>,
        journal: Arc<Journal>,
        kept: BTreeMap<String, KeptTopic>,
        trusted: bool,
    ) -> Result<Self> {
        let memory = Arc::new(Memory::new(config.memory_limit));
        let topics = Self { index: RwLock::new(Index::default()), config, journal, memory };
        let mut index = Index::default();
        for (name, topic) in kept {
            let settings = LogSettings::new(&topic.configs, &topics.config);
            let mut partitions = Vec::new();
            for number in 0..i32::try_from(topic.partitions).unwrap_or(0) {
                let log_start = topic.log_starts.get(&number).copied().unwrap_or(0);
                partitions.push(Arc::new(topics.open_partition(
                    &name,
                    number,
                    settings.clone(),
                    trusted,
                    log_start,
                )?));
            }
            insert(&mut index, &name, topic.id, topic.configs, partitions);
        }
        *write(&topics.index) = index;
        Ok(topics)
    }

    /// The topic of that name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Topic>> {
        read(&self.index).by_name.get(name).map(Arc::clone)
    }

    /// The topic of that id.
    pub fn by_id(&self, id: &Uuid) -> Option<Arc<Topic>> {
        read(&self.index).by_id.get(id).map(Arc::clone)
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        read(&self.index).by_name.values().map(Arc::clone).collect()
    }

    /// Whether a topic of that name could be created.
    pub fn check_new(&self, name: &str) -> Result<(), Refused> {
        check_new(&read(&self.index), name)
    }

    /// Creates a topic; name, count and configurations are checked by the caller except for what only the lock can tell.
    pub fn create(&self, name: &str, partitions: i32, configs: Configs) -> Result<Arc<Topic>, Refused> {
        let mut index = write(&self.index);
        check_new(&index, name)?;
        let settings = LogSettings::new(&configs, &self.config);
        let logs = (0..partitions)
            .map(|number| self.new_partition(name, number, settings.clone()).map(Arc::new))
            .collect::<Result<Vec<_>>>()
            .map_err(storage)?;
        let count = logs.len();
        let id = new_id();
        let entry = Entry::Topic {
            name: name.to_owned(),
            id,
            partitions: u32::try_from(count).unwrap_or(0),
            configs: configs.clone(),
        };
        if let Err(error) = self.journal.append(&[entry]) {
            logs.iter().for_each(|log| log.delete());
            return Err(storage(error));
        }
        Ok(insert(&mut index, name, id, configs, logs))
    }

    /// Removes a topic and its records; false if there is none of that name.
    pub fn delete(&self, name: &str) -> Result<bool, Refused> {
        let mut index = write(&self.index);
        if !index.by_name.contains_key(name) {
            return Ok(false);
        }
        self.journal.append(&[Entry::TopicDeleted { name: name.to_owned() }]).map_err(storage)?;
        if let Some(topic) = index.by_name.remove(name) {
            index.by_id.remove(&topic.id);
            // Under the lock: a topic of the same name may be created right after, in the same folder.
            topic.partitions().iter().for_each(|partition| partition.delete());
        }
        Ok(true)
    }

    /// Adds partitions up to `count`.
    pub fn grow(&self, topic: &Topic, count: i32) -> Result<(), Refused> {
        // The index lock orders this with other changes of topics.
        let _index = write(&self.index);
        let configs = topic.configs();
        let settings = LogSettings::new(&configs, &self.config);
        let present = topic.partition_count();
        let added = (present..count)
            .map(|number| self.new_partition(&topic.name, number, settings.clone()).map(Arc::new))
            .collect::<Result<Vec<_>>>()
            .map_err(storage)?;
        self.journal.append(&[topic.entry(configs, usize::try_from(count).unwrap_or(0))]).map_err(storage)?;
        write(&topic.partitions).extend(added);
        Ok(())
    }

    /// Replaces the configurations of a topic.
    pub fn configure(&self, topic: &Topic, configs: Configs) -> Result<(), Refused> {
        let _index = write(&self.index);
        let partitions = topic.partitions();
        self.journal.append(&[topic.entry(configs.clone(), partitions.len())]).map_err(storage)?;
        let settings = LogSettings::new(&configs, &self.config);
        *lock(&topic.configs) = configs;
        partitions.iter().for_each(|partition| partition.configure(settings.clone()));
        Ok(())
    }

    fn new_partition(&self, topic: &str, number: i32, settings: LogSettings) -> Result<Partition> {
        if let Some(dir) = &self.config.dir {
            // What a killed process left of a deleted topic must not come back under its name.
            let path = partition_dir(dir, topic, number);
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", path, error));
                }
                _ => {}
            }
        }
        self.open_partition(topic, number, settings, false, 0)
    }

    fn open_partition(
        &self,
        topic: &str,
        number: i32,
        settings: LogSettings,
        trusted: bool,
        log_start: i64,
    ) -> Result<Partition> {
        match &self.config.dir {
            Some(dir) => Partition::in_dir(
                settings,
                partition_dir(dir, topic, number),
                trusted,
                log_start,
                self.config.cached_bytes_per_partition,
            ),
            None => Ok(Partition::in_memory(settings, Arc::clone(&self.memory))),
        }
    }
}

/// Folder of a partition's files, named as Kafka names them.
fn partition_dir(dir: &std::path::Path, topic: &str, number: i32) -> PathBuf {
    dir.join("logs").join(format!("{topic}-{number}"))
}

fn insert(index: &mut Index, name: &str, id: Uuid, configs: Configs, partitions: Vec<Arc<Partition>>) -> Arc<Topic> {
    let name: Arc<str> = Arc::from(name);
    let topic = Arc::new(Topic {
        name: Arc::clone(&name),
        id,
        configs: Mutex::new(configs),
        partitions: RwLock::new(partitions),
    });
    index.by_name.insert(name, Arc::clone(&topic));
    index.by_id.insert(id, Arc::clone(&topic));
    topic
}

fn check_new(index: &Index, name: &str) -> Result<(), Refused> {
    check_name(name).map_err(|reason| (ResponseError::InvalidTopicException, reason))?;
    if index.by_name.contains_key(name) {
        return Err((ResponseError::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
    }
    // Kafka's metric names cannot tell '.' from '_'.
    let flat = name.replace('.', "_");
    match index.by_name.keys().find(|other| other.replace('.', "_") == flat) {
        Some(other) => {
            Err((ResponseError::InvalidTopicException, format!("Topic '{name}' collides with existing topic: {other}")))
        }
        None => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("Topic name is invalid: the empty string is not allowed".into());
    }
    if name == "." || name == ".." {
        return Err("Topic name is invalid: '.' or '..' is not allowed".into());
    }
    if name.len() > LONGEST_NAME {
        return Err(format!("Topic name is invalid: the length of '{name}' is longer than the max allowed length 249"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ));
    }
    Ok(())
}

fn new_id() -> Uuid {
    loop {
        let id = Uuid::new_v4();
        // Kafka avoids ids whose base64 text starts with a dash: command lines take it for an option. 0b111110 is the dash.
        if id.as_bytes().first().is_some_and(|byte| byte >> 2 != 0b11_1110) {
            return id;
        }
    }
}

fn storage(error: impl std::fmt::Display) -> Refused {
    (ResponseError::KafkaStorageError, format!("cannot keep the change in the data folder: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Topics {
        Topics::open(Arc::default(), Arc::default(), BTreeMap::new(), true).unwrap()
    }

    #[test]
    fn names_are_checked_as_kafka_does() {
        let topics = topics();
        assert!(topics.create("a.b", 1, Configs::new()).is_ok());
        for bad in ["", ".", "..", "a b", "ä", &"x".repeat(250), "a_b"] {
            assert_eq!(topics.check_new(bad).unwrap_err().0, ResponseError::InvalidTopicException, "{bad}");
        }
        assert_eq!(topics.check_new("a.b").unwrap_err().0, ResponseError::TopicAlreadyExists);
    }

    #[test]
    fn a_topic_created_again_has_another_id() {
        let topics = topics();
        let first = topics.create("t", 2, Configs::new()).unwrap();
        assert!(topics.delete("t").unwrap());
        assert!(!topics.delete("t").unwrap());
        let second = topics.create("t", 1, Configs::new()).unwrap();
        assert_ne!(first.id, second.id);
        assert!(topics.by_id(&first.id).is_none());
    }
}
