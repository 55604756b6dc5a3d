//! Decisions compared with those that Kafka's own assignors made (`tests/java/AssignorCases.java`).

use std::sync::Arc;

use bytes::Bytes;
use milena_api::record::TopicPartition;

use super::{Candidate, Shape, Shares, Topics};
use crate::config::Assignor;
use crate::group::protocol::Subscription;

struct Case {
    assignor: Assignor,
    topics: Topics,
    candidates: Vec<Candidate>,
    shares: Shares,
}

fn list(text: &str) -> Vec<&str> {
    if text == "-" { Vec::new() } else { text.split(',').collect() }
}

fn partitions(text: &str) -> Vec<TopicPartition> {
    let partition = |text: &str| {
        let (topic, number) = text.split_once(':').unwrap();
        TopicPartition::new(topic, number.parse().unwrap())
    };
    let mut all: Vec<TopicPartition> = list(text).into_iter().map(partition).collect();
    all.sort();
    all
}

fn optional(text: &str) -> Option<String> {
    (text != "-").then(|| text.to_owned())
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let case = cases.last_mut();
        match (words.as_slice(), case) {
            (["case", name], _) => cases.push(Case {
                assignor: Assignor::by_name(name).unwrap(),
                topics: Topics::new(),
                candidates: Vec::new(),
                shares: Shares::new(),
            }),
            (["topic", name, count, racks], Some(case)) => {
                let set = |text: &str| text.split(',').filter(|rack| !rack.is_empty()).map(str::to_owned).collect();
                let racks = if *racks == "-" { Vec::new() } else { racks.split(';').map(set).collect() };
                case.topics.insert(Arc::from(*name), Shape { partitions: count.parse().unwrap(), racks });
            }
            (["member", id, instance, generation, rack, topics, owned, data], Some(case)) => {
                let generation: i32 = generation.parse().unwrap();
                let byte = |at: usize| u8::from_str_radix(&data[at..at + 2], 16).unwrap();
                case.candidates.push(Candidate {
                    member_id: (*id).to_owned(),
                    instance_id: optional(instance),
                    subscription: Subscription {
                        topics: list(topics).into_iter().map(Arc::from).collect(),
                        user_data: data
                            .starts_with('x')
                            .then(|| (1..data.len()).step_by(2).map(byte).collect::<Bytes>()),
                        owned: partitions(owned),
                        generation: (generation >= 0).then_some(generation),
                        rack: optional(rack),
                    },
                });
            }
            (["share", id, share], Some(case)) => drop(case.shares.insert((*id).to_owned(), partitions(share))),
            (["end"], _) => {}
            _ => panic!("{line}"),
        }
    }
    cases
}

/// How many cases there were, and the first that come out differently.
fn compare(text: &str) -> (usize, Vec<String>) {
    let mut differences = Vec::new();
    let cases = cases(text);
    for (number, case) in cases.iter().enumerate() {
        let mut ours = case.assignor.assign(&case.candidates, &case.topics);
        ours.values_mut().for_each(|share| share.sort());
        let theirs = &case.shares;
        // Java may give a partition back to who had it two generations ago, though that member no longer wants it; here it does not.
        let wanted = |(member, share): (&String, &Vec<TopicPartition>)| {
            let topics = case.candidates.iter().find(|candidate| candidate.member_id == *member);
            topics.is_some_and(|member| share.iter().all(|at| member.subscription.topics.contains(&at.topic)))
        };
        if !theirs.iter().all(wanted) {
            continue;
        }
        if ours != *theirs {
            let members: Vec<String> = case.candidates.iter().map(|candidate| format!("{candidate:?}")).collect();
            differences.push(format!(
                "case {number}, {:?}\n{:?}\n{}\nours   {ours:?}\ntheirs {theirs:?}",
                case.assignor,
                case.topics,
                members.join("\n")
            ));
        }
    }
    (cases.len(), differences)
}

#[test]
fn partitions_are_shared_out_as_java_does() {
    let (cases, differences) = compare(include_str!("../../../tests/data/assignments.txt"));
    assert!(cases > 100);
    assert!(differences.is_empty(), "{} of {cases} differ\n{}", differences.len(), differences[0]);
}

/// `MILENA_ASSIGNMENTS` names a file that AssignorCases has written.
#[test]
fn partitions_are_shared_out_as_java_does_in_cases_made_on_demand() {
    let Ok(path) = std::env::var("MILENA_ASSIGNMENTS") else { return };
    let (cases, differences) = compare(&std::fs::read_to_string(path).unwrap());
    assert!(differences.is_empty(), "{} of {cases} differ\n{}", differences.len(), differences[0]);
}

#[test]
fn nobody_ever_gets_what_another_member_still_holds() {
    for case in cases(include_str!("../../../tests/data/assignments.txt")) {
        let shares = Assignor::CooperativeSticky.assign(&case.candidates, &case.topics);
        for candidate in &case.candidates {
            for at in &candidate.subscription.owned {
                let newest = |other: &Candidate| {
                    other.subscription.owned.contains(at)
                        && other.subscription.generation > candidate.subscription.generation
                };
                if case.candidates.iter().any(newest) {
                    continue;
                }
                let taken = shares.iter().find(|(member, share)| **member != candidate.member_id && share.contains(at));
                assert!(taken.is_none(), "{at} is {}'s, and was given to {taken:?}", candidate.member_id);
            }
        }
    }
}
