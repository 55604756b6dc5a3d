//! Committed offsets of a group: who may commit, and what is subscribed.

use super::state::{Group, Phase};
use crate::journal::Committed;
use bytes::{Buf, Bytes};
use kafka_protocol::ResponseError;
use std::collections::{BTreeMap, HashSet};

/// An offset that is committed when its transaction is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TxnOffset {
    pub committed: Committed,
    /// A plain commit has come after it, and stays.
    pub superseded: bool,
}

/// What a committed transaction's offsets change.
pub(super) fn decided(offsets: BTreeMap<(String, i32), TxnOffset>) -> impl Iterator<Item = ((String, i32), Committed)> {
    offsets.into_iter().filter(|(_, one)| !one.superseded).map(|(key, one)| (key, one.committed))
}

/// Who commits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitBy<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
    pub generation: i32,
    /// Version 9 and newer tell a group that does not exist from a wrong generation.
    pub knows_missing_groups: bool,
    /// The commit is part of a transaction.
    pub transactional: bool,
}

impl Group {
    /// Whether the commit is from somebody who may; a member's commit is a sign of life.
    pub fn check_commit(&mut self, by: CommitBy<'_>) -> Result<(), ResponseError> {
        if by.generation < 0 && self.members.is_empty() {
            // Not a member of anything: a client that assigns its partitions itself, or an admin tool.
            return Ok(());
        }
        if by.generation >= 0 && self.is_forgettable() {
            let missing = ResponseError::GroupIdNotFound;
            return Err(if by.knows_missing_groups { missing } else { ResponseError::IllegalGeneration });
        }
        if by.transactional && by.generation < 0 && by.member_id.is_empty() && by.instance_id.is_none() {
            // Producers before KIP-447 do not say for which member they commit.
            return Ok(());
        }
        self.check_member(by.member_id, by.instance_id)?;
        if by.generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        if self.phase == Phase::Completing && !by.transactional {
            return Err(ResponseError::RebalanceInProgress);
        }
        if let Some(member) = self.members.get_mut(by.member_id).filter(|_| !by.transactional) {
            member.touch();
        }
        Ok(())
    }

    /// Whether there is such a member, and it is the one that holds its instance id.
    pub fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ResponseError> {
        if let Some(instance) = instance_id {
            match self.statics.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(current) if current != member_id => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ResponseError::UnknownMemberId) }
    }
}

/// Topics of a consumer's subscription; `None` if the metadata are not one.
pub(super) fn subscription_topics(metadata: &Bytes) -> Option<HashSet<String>> {
    let mut rest: &[u8] = metadata;
    rest.try_get_i16().ok()?;
    let count = rest.try_get_i32().ok()?;
    let mut topics = HashSet::new();
    for _ in 0..count {
        let length = usize::try_from(rest.try_get_i16().ok()?).ok()?;
        let (name, tail) = rest.split_at_checked(length)?;
        topics.insert(std::str::from_utf8(name).ok()?.to_owned());
        rest = tail;
    }
    Some(topics)
}
