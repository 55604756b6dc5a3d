//! A fetch session with one broker: after a first full request only changes are sent, and only changes are answered (KIP-227).
//!
//! Counterpart: org.apache.kafka.clients.FetchSessionHandler.

use milena_api::record::TopicPartition;
use uuid::Uuid;

use crate::error_code::ErrorCode;

/// A request with this epoch begins a session, and ends the one whose id it names.
const FIRST: i32 = 0;
/// A request with this epoch ends a session.
pub(super) const LAST: i32 = -1;

/// One partition of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub at: TopicPartition,
    /// Nil where the broker goes by names.
    pub topic_id: Uuid,
    pub jump: u64,
    pub offset: i64,
    /// Leader epoch that the client knows; -1 if none.
    pub epoch: i32,
}

impl Asked {
    fn key(&self) -> (&str, i32) {
        (&self.at.topic, self.at.partition)
    }

    /// Whether the broker would be told the same.
    fn same(&self, other: &Self) -> bool {
        (self.topic_id, self.offset, self.epoch) == (other.topic_id, other.offset, other.epoch)
    }
}

/// What one broker was told. The default has no session yet.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    /// Sorted; all of them are the broker's to answer.
    asked: Vec<Asked>,
}

/// What a request says beside its limits.
#[derive(Debug)]
pub(super) struct Change {
    pub session_id: i32,
    pub session_epoch: i32,
    /// Partitions that the broker has to be told.
    pub told: Vec<Asked>,
    /// Partitions that it need not answer any more, with their topic's id.
    pub forgotten: Vec<(TopicPartition, Uuid)>,
}

impl Session {
    /// The next request's part, for all partitions that are wanted, sorted.
    pub(super) fn next(&mut self, wanted: Vec<Asked>) -> Change {
        let by_id = |asked: &[Asked]| asked.first().is_some_and(|asked| !asked.topic_id.is_nil());
        // A broker takes a session's topics by name or by id, not both.
        if self.epoch != FIRST && by_id(&self.asked) != by_id(&wanted) && !wanted.is_empty() {
            self.epoch = FIRST;
        }
        let mut change =
            Change { session_id: self.id, session_epoch: self.epoch, told: Vec::new(), forgotten: Vec::new() };
        if self.epoch == FIRST {
            change.told.clone_from(&wanted);
        } else {
            let mut old = self.asked.iter().peekable();
            for new in &wanted {
                while let Some(gone) = old.next_if(|old| old.key() < new.key()) {
                    change.forgotten.push((gone.at.clone(), gone.topic_id));
                }
                match old.next_if(|old| old.key() == new.key()) {
                    Some(old) if old.same(new) => continue,
                    // Another topic of the same name: the broker keeps both apart.
                    Some(old) if old.topic_id != new.topic_id => change.forgotten.push((old.at.clone(), old.topic_id)),
                    _ => {}
                }
                change.told.push(new.clone());
            }
            change.forgotten.extend(old.map(|gone| (gone.at.clone(), gone.topic_id)));
        }
        self.asked = wanted;
        change
    }

    /// The partitions of the request that is under way, sorted.
    pub(super) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Where a partition is in [`asked`](Self::asked).
    pub(super) fn find(&self, topic: &str, partition: i32) -> Option<usize> {
        self.asked.binary_search_by(|asked| asked.key().cmp(&(topic, partition))).ok()
    }

    /// The name of a topic that was asked for by id.
    pub(super) fn topic_of(&self, id: Uuid) -> Option<&std::sync::Arc<str>> {
        self.asked.iter().find(|asked| asked.topic_id == id).map(|asked| &asked.at.topic)
    }

    /// An answer without a refusal has come, with this session id and as many of the partitions asked for.
    pub(super) fn answered(&mut self, session_id: i32, answered: usize, only_known: bool) {
        let full = self.epoch == FIRST;
        let complete = only_known && (!full || answered == self.asked.len());
        if session_id == 0 || (full && !complete) {
            // The broker keeps no session, or has ended it.
            (self.id, self.epoch) = (0, FIRST);
        } else if !complete {
            self.renew();
        } else {
            self.id = session_id;
            // The greatest number is followed by 1: 0 would begin anew.
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
    }

    /// The broker has refused the session.
    pub(super) fn refused(&mut self, code: ErrorCode) {
        if code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
            (self.id, self.epoch) = (0, FIRST);
        } else {
            self.renew();
        }
    }

    /// What the broker knows is not sure: the next request begins anew, and ends what there was.
    pub(super) fn renew(&mut self) {
        self.epoch = FIRST;
    }

    /// The id of the session, if there is one to end.
    pub(super) fn id(&self) -> Option<i32> {
        (self.id != 0).then_some(self.id)
    }
}

/// Refusals of a session, which a new one cures.
pub(super) fn is_of_session(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
            | ErrorCode::INCONSISTENT_TOPIC_ID
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(partition: i32, offset: i64) -> Asked {
        Asked { at: TopicPartition::new("t", partition), topic_id: Uuid::from_u128(1), jump: 1, offset, epoch: 0 }
    }

    fn partitions(change: &Change) -> (Vec<i32>, Vec<i32>) {
        let told = change.told.iter().map(|asked| asked.at.partition);
        (told.collect(), change.forgotten.iter().map(|(at, _)| at.partition).collect())
    }

    #[test]
    fn only_changes_are_told_once_there_is_a_session() {
        let mut session = Session::default();
        let first = session.next((0..5).map(|partition| asked(partition, 0)).collect());
        assert_eq!((first.session_id, first.session_epoch, first.told.len()), (0, 0, 5));
        session.answered(77, 5, true);
        let same = session.next((0..5).map(|partition| asked(partition, 0)).collect());
        assert_eq!((same.session_id, same.session_epoch, partitions(&same)), (77, 1, (vec![], vec![])));
        session.answered(77, 0, true);
        let changed = session.next(vec![asked(1, 0), asked(2, 9), asked(4, 0), asked(6, 0)]);
        assert_eq!((changed.session_epoch, partitions(&changed)), (2, (vec![2, 6], vec![0, 3])));
    }

    #[test]
    fn another_topic_of_the_same_name_is_told_and_the_old_one_forgotten() {
        let mut session = Session::default();
        session.next(vec![asked(0, 5)]);
        session.answered(7, 1, true);
        let new = Asked { topic_id: Uuid::from_u128(2), ..asked(0, 5) };
        let change = session.next(vec![new]);
        assert_eq!(partitions(&change), (vec![0], vec![0]));
        assert_eq!(change.forgotten.first().map(|(_, id)| *id), Some(Uuid::from_u128(1)));
        // By names from now on: another session.
        session.answered(7, 1, true);
        let change = session.next(vec![Asked { topic_id: Uuid::nil(), ..asked(0, 5) }]);
        assert_eq!((change.session_id, change.session_epoch, partitions(&change)), (7, 0, (vec![0], vec![])));
    }

    #[test]
    fn what_the_broker_refuses_or_answers_wrongly_begins_anew() {
        let mut session = Session::default();
        let all = || vec![asked(0, 0), asked(1, 0)];
        let mut epoch = |outcome: &dyn Fn(&mut Session)| {
            session.next(all());
            session.answered(7, 2, true);
            session.next(all());
            outcome(&mut session);
            let change = session.next(all());
            session = Session::default();
            (change.session_id, change.session_epoch, change.told.len())
        };
        assert_eq!(epoch(&|session| session.refused(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)), (0, 0, 2));
        assert_eq!(epoch(&|session| session.refused(ErrorCode::INVALID_FETCH_SESSION_EPOCH)), (7, 0, 2));
        assert_eq!(epoch(&|session| session.renew()), (7, 0, 2));
        assert_eq!(epoch(&|session| session.answered(0, 0, true)), (0, 0, 2));
        assert_eq!(epoch(&|session| session.answered(7, 1, false)), (7, 0, 2));
        assert_eq!(epoch(&|session| session.answered(7, 1, true)), (7, 2, 0));
        session.next(all());
        session.answered(7, 1, true);
        assert_eq!(session.next(all()).session_epoch, 0, "a full answer that leaves one out");
        session.epoch = i32::MAX;
        session.answered(7, 0, true);
        assert_eq!(session.epoch, 1);
    }
}
