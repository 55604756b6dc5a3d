//! Gives each member neighbouring partitions of each topic, in its own rack where that does not unbalance the shares.
//!
//! Counterpart: org.apache.kafka.clients.consumer.RangeAssignor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use milena_api::record::TopicPartition;

use super::racks::worth_it;
use super::{Candidate, Shape, Shares, Topics, by_instance, number};

/// One topic while it is shared out.
struct Topic<'a> {
    name: &'a Arc<str>,
    shape: &'a Shape,
    /// Who wants it, in the order in which they are served.
    members: Vec<&'a Candidate>,
    /// By member.
    given: Vec<usize>,
    left: Vec<usize>,
    each: usize,
    /// Members that may yet get one more.
    more: usize,
    by_racks: bool,
}

impl<'a> Topic<'a> {
    fn new(name: &'a Arc<str>, shape: &'a Shape, sorted: &[&'a Candidate]) -> Self {
        let members: Vec<&Candidate> =
            sorted.iter().filter(|candidate| candidate.subscription.topics.contains(name)).copied().collect();
        let count = members.len().max(1);
        let racks: BTreeSet<&str> = members.iter().filter_map(|member| rack(member)).collect();
        Self {
            given: vec![0; members.len()],
            left: (0..shape.partitions).collect(),
            each: shape.partitions / count,
            more: shape.partitions % count,
            by_racks: worth_it(&racks, &shape.racks),
            name,
            shape,
            members,
        }
    }

    fn room(&self, member: usize) -> usize {
        let most = self.each + usize::from(self.more > 0);
        most.saturating_sub(self.given.get(member).copied().unwrap_or(0))
    }

    fn is_near(&self, member: usize, partition: usize) -> bool {
        match self.members.get(member).and_then(|member| rack(member)) {
            Some(rack) => self.shape.racks.get(partition).is_some_and(|racks| racks.contains(rack)),
            None => true,
        }
    }

    fn give(&mut self, member: usize, partitions: &[usize], shares: &mut Shares) {
        let (Some(candidate), Some(given)) = (self.members.get(member), self.given.get_mut(member)) else { return };
        *given += partitions.len();
        if *given > self.each {
            self.more = self.more.saturating_sub(1);
        }
        self.left.retain(|partition| !partitions.contains(partition));
        if let Some(share) = shares.get_mut(&candidate.member_id) {
            share.extend(partitions.iter().map(|of| TopicPartition::new(Arc::clone(self.name), number(*of))));
        }
    }

    /// Serves the members one after the other, with what they may have.
    fn serve(&mut self, near_only: bool, shares: &mut Shares) {
        for member in 0..self.members.len() {
            let may = |partition: &usize| !near_only || self.is_near(member, *partition);
            let partitions: Vec<usize> =
                self.left.iter().copied().filter(|partition| may(partition)).take(self.room(member)).collect();
            if !partitions.is_empty() {
                self.give(member, &partitions, shares);
            }
        }
    }
}

fn rack(candidate: &Candidate) -> Option<&str> {
    candidate.subscription.rack.as_deref().filter(|rack| !rack.is_empty())
}

pub(super) fn assign(candidates: &[Candidate], topics: &Topics) -> Shares {
    let mut shares: Shares = candidates.iter().map(|candidate| (candidate.member_id.clone(), Vec::new())).collect();
    let sorted = by_instance(candidates);
    let mut states: Vec<Topic<'_>> = topics
        .iter()
        .filter(|(_, shape)| shape.partitions > 0)
        .map(|(name, shape)| Topic::new(name, shape, &sorted))
        .collect();
    if states.iter().any(|topic| topic.by_racks) {
        // Topics with the same members and partition counts are kept together: members get the same numbers of each.
        let mut alike: BTreeMap<(Vec<&str>, usize), Vec<&mut Topic<'_>>> = BTreeMap::new();
        for topic in &mut states {
            let members = topic.members.iter().map(|member| member.member_id.as_str()).collect();
            alike.entry((members, topic.shape.partitions)).or_default().push(topic);
        }
        for ((members, partitions), mut topics) in alike {
            match topics.as_mut_slice() {
                [topic] if topic.by_racks => topic.serve(true, &mut shares),
                [_] => {}
                topics => serve_together(topics, members.len(), partitions, &mut shares),
            }
        }
    }
    for topic in &mut states {
        topic.serve(false, &mut shares);
    }
    for share in shares.values_mut() {
        share.sort();
    }
    shares
}

/// Gives each partition number, of all topics, to the first member that is near to all of them.
fn serve_together(topics: &mut [&mut Topic<'_>], members: usize, partitions: usize, shares: &mut Shares) {
    let mut waiting: Vec<usize> = (0..members).collect();
    for partition in 0..partitions {
        let fits =
            |member: usize| topics.iter().all(|topic| topic.is_near(member, partition) && topic.room(member) > 0);
        let Some(member) = waiting.iter().copied().find(|member| fits(*member)) else { continue };
        for topic in topics.iter_mut() {
            topic.give(member, &[partition], shares);
        }
        if topics.iter().all(|topic| topic.room(member) == 0) {
            waiting.retain(|other| *other != member);
        }
    }
}
