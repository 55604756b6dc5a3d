//! Fetch sessions: the broker remembers what a client fetches, so that requests and answers name only what changes.
//!
//! Counterpart: org.apache.kafka.server.FetchManager.

use crate::sync::lock;
use indexmap::IndexMap;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Sessions kept; the one that was not used for longest goes first.
const MOST_SESSIONS: usize = 1000;
const FINAL_EPOCH: i32 = -1;

/// A partition as a fetch names it: by topic name up to version 12, by topic id from 13 on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub name: String,
    pub id: Uuid,
    pub partition: i32,
}

/// What a client wants of a partition, and what it was last told.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub offset: i64,
    pub max_bytes: i32,
    pub leader_epoch: i32,
    /// Epoch of the record before the offset, as the client knows it; -1 is none.
    pub last_epoch: i32,
    /// High watermark and log start of the last answer; -1 before the first.
    pub told: (i64, i64),
    /// Name of the topic, once it has been found by its id.
    pub name: Option<Arc<str>>,
}

/// A session; taken out of the store while a request of it is answered.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// 0 for a request without a session.
    pub id: i32,
    pub next_epoch: i32,
    pub partitions: IndexMap<Key, Wanted>,
    /// Whether the answer may leave out partitions that have nothing new.
    pub incremental: bool,
}

/// The sessions of a broker, least recently used first.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    sessions: Mutex<IndexMap<i32, Session>>,
}

impl FetchSessions {
    /// The session that a request belongs to, with the request's changes; the request's own partitions if it has none.
    pub(super) fn begin(&self, request: &FetchRequest) -> Result<Session, ResponseError> {
        let epoch = request.session_epoch;
        if epoch == 0 || epoch == FINAL_EPOCH {
            if request.session_id != 0 {
                lock(&self.sessions).shift_remove(&request.session_id);
            }
            let id = if epoch == 0 { self.next_id() } else { 0 };
            let mut session = Session { id, next_epoch: 1, ..Session::default() };
            session.update(request);
            return Ok(session);
        }
        let mut sessions = lock(&self.sessions);
        let Some(expected) = sessions.get(&request.session_id).map(|session| session.next_epoch) else {
            return Err(ResponseError::FetchSessionIdNotFound);
        };
        if expected != epoch {
            return Err(ResponseError::InvalidFetchSessionEpoch);
        }
        let mut session = sessions.shift_remove(&request.session_id).ok_or(ResponseError::FetchSessionIdNotFound)?;
        drop(sessions);
        session.next_epoch = epoch.checked_add(1).unwrap_or(1);
        session.incremental = true;
        session.update(request);
        Ok(session)
    }

    /// Forgets all sessions, as a node that restarts.
    pub fn clear(&self) {
        lock(&self.sessions).clear();
    }

    /// Name or id, and index, of the partitions that a session remembers.
    pub(super) fn partitions(&self, session: i32) -> Vec<(String, Uuid, i32)> {
        let sessions = lock(&self.sessions);
        let keys = sessions.get(&session).into_iter().flat_map(|session| session.partitions.keys());
        keys.map(|key| (key.name.clone(), key.id, key.partition)).collect()
    }

    /// Keeps a session for its next request.
    pub(super) fn end(&self, session: Session) {
        if session.id == 0 {
            return;
        }
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= MOST_SESSIONS {
            sessions.shift_remove_index(0);
        }
        sessions.insert(session.id, session);
    }

    /// Random: a client of a broker that was killed must not find somebody else's session under the id it remembers.
    fn next_id(&self) -> i32 {
        loop {
            let id = i32::try_from(Uuid::new_v4().as_u128() & 0x7fff_ffff).unwrap_or(0);
            if id != 0 && !lock(&self.sessions).contains_key(&id) {
                return id;
            }
        }
    }
}

impl Session {
    fn update(&mut self, request: &FetchRequest) {
        for topic in &request.forgotten_topics_data {
            for &partition in &topic.partitions {
                self.partitions.shift_remove(&Key { name: topic.topic.to_string(), id: topic.topic_id, partition });
            }
        }
        for topic in &request.topics {
            for partition in &topic.partitions {
                let key = Key { name: topic.topic.to_string(), id: topic.topic_id, partition: partition.partition };
                let known = self.partitions.get(&key);
                let told = known.map_or((-1, -1), |known| known.told);
                let name = known.and_then(|known| known.name.clone());
                self.partitions.insert(
                    key,
                    Wanted {
                        offset: partition.fetch_offset,
                        max_bytes: partition.partition_max_bytes,
                        leader_epoch: partition.current_leader_epoch,
                        last_epoch: partition.last_fetched_epoch,
                        told,
                        name,
                    },
                );
            }
        }
    }

    /// Moves partitions that gave records behind the others, so that all get their turn when the size limit is reached.
    pub fn rotate(&mut self, served: &[Key]) {
        if served.len() == self.partitions.len() {
            return;
        }
        for key in served {
            if let Some(wanted) = self.partitions.shift_remove(key) {
                self.partitions.insert(key.clone(), wanted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

    fn request(session: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
        let partitions = partitions
            .iter()
            .map(|&(index, offset)| FetchPartition::default().with_partition(index).with_fetch_offset(offset))
            .collect();
        FetchRequest::default()
            .with_session_id(session)
            .with_session_epoch(epoch)
            .with_topics(vec![FetchTopic::default().with_partitions(partitions)])
    }

    #[test]
    fn a_session_remembers_adds_and_forgets_partitions() {
        let sessions = FetchSessions::default();
        let session = sessions.begin(&request(0, 0, &[(0, 5), (1, 6)])).unwrap();
        let id = session.id;
        assert!(id > 0 && !session.incremental);
        sessions.end(session);

        let mut next = request(id, 1, &[(1, 7), (2, 8)]);
        next.forgotten_topics_data = vec![ForgottenTopic::default().with_partitions(vec![0])];
        let session = sessions.begin(&next).unwrap();
        assert!(session.incremental);
        let seen: Vec<_> = session.partitions.iter().map(|(key, wanted)| (key.partition, wanted.offset)).collect();
        assert_eq!(seen, [(1, 7), (2, 8)]);
    }

    #[test]
    fn another_brokers_session_is_not_known_here() {
        let begin = |sessions: &FetchSessions| {
            let session = sessions.begin(&request(0, 0, &[(0, 0)])).unwrap();
            let id = session.id;
            sessions.end(session);
            id
        };
        let (before, after) = (FetchSessions::default(), FetchSessions::default());
        let remembered = begin(&before);
        for _ in 0..10 {
            begin(&after);
        }
        let refused = after.begin(&request(remembered, 1, &[])).unwrap_err();
        assert_eq!(refused, ResponseError::FetchSessionIdNotFound);
    }

    #[test]
    fn a_wrong_epoch_or_id_is_refused_and_a_final_epoch_ends_the_session() {
        let sessions = FetchSessions::default();
        let session = sessions.begin(&request(0, 0, &[(0, 0)])).unwrap();
        let id = session.id;
        sessions.end(session);
        assert_eq!(sessions.begin(&request(id, 2, &[])).unwrap_err(), ResponseError::InvalidFetchSessionEpoch);
        assert_eq!(sessions.begin(&request(id ^ 1, 1, &[])).unwrap_err(), ResponseError::FetchSessionIdNotFound);
        assert_eq!(sessions.begin(&request(id, FINAL_EPOCH, &[(0, 0)])).unwrap().id, 0);
        assert_eq!(sessions.begin(&request(id, 1, &[])).unwrap_err(), ResponseError::FetchSessionIdNotFound);
    }
}
