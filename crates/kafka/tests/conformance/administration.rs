//! Rules of the admin client.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use milena_devbroker::{Api, Fault, FaultAction};
use milena_kafka::admin::{
    AclOperation, AlterConfigOp, ConfigResource, ConfigSource, DescribeOptions, GroupFilter, GroupOffsetsOptions,
    NewTopic, OffsetSpec, RemovedMembers,
};
use milena_kafka::config::IsolationLevel;
use milena_kafka::consumer::{Polled, Subscription};
use milena_kafka::{Error, ErrorCode, OffsetAndMetadata, TopicPartition};

use crate::support::{Harness, JavaProgram, PATIENCE, at, next, produce, rule, unique};

fn code<T: std::fmt::Debug>(outcome: &Result<T, Error>) -> Option<ErrorCode> {
    outcome.as_ref().unwrap_err().code()
}

rule!(a_topic_that_was_created_is_listed: dev, real);
async fn a_topic_that_was_created_is_listed(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let admin = on.admin(&[]);
    let described = admin.describe_topic(&topic).await.unwrap();
    assert_eq!(described.partitions.len(), 2, "{described:?}");
    assert!(admin.list_topics().await.unwrap().iter().any(|name| **name == *topic));
}

rule!(topics_are_created_and_deleted_each_with_its_own_outcome: dev, real, secure);
async fn topics_are_created_and_deleted_each_with_its_own_outcome(on: Harness) {
    let admin = on.admin(&[]);
    let (old, new, checked) = (on.topic(1, &[]).await, unique("new"), unique("checked"));
    let wanted = |names: &[&str]| names.iter().map(|name| NewTopic::new(*name, 3, 1)).collect::<Vec<_>>();
    for (name, outcome) in admin.validate_topics(wanted(&[&checked])).await.unwrap() {
        assert_eq!((name.as_str(), outcome.is_ok()), (checked.as_str(), true));
    }
    assert!(!admin.topic_exists(&checked).await.unwrap());
    let outcomes = admin.create_topics(wanted(&[&old, &new, "not a name"])).await.unwrap();
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes[0].1.as_ref().unwrap_err().is_topic_exists());
    outcomes[1].1.as_ref().unwrap();
    assert_eq!(code(&outcomes[2].1), Some(ErrorCode::INVALID_TOPIC_EXCEPTION));
    let start = Instant::now();
    let described = loop {
        let described = admin.describe_topics(&[&old, &new, "absent"], DescribeOptions::default()).await.unwrap();
        // Brokers hear of it a little later than the controller that made it.
        match &described[&new] {
            Err(error) if error.is_unknown_topic() && start.elapsed() < PATIENCE => {}
            _ => break described,
        }
    };
    assert_eq!(described[&new].as_ref().unwrap().partitions.len(), 3);
    assert_eq!(code(&described["absent"]), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let outcomes = admin.delete_topics(&[&old, &new, "absent"]).await.unwrap();
    assert!(outcomes[&old].is_ok() && outcomes[&new].is_ok(), "{outcomes:?}");
    assert!(outcomes["absent"].as_ref().unwrap_err().is_unknown_topic());
}

rule!(a_topic_that_was_created_again_has_another_id: dev, real);
async fn a_topic_that_was_created_again_has_another_id(on: Harness) {
    let admin = on.admin(&[]);
    let topic = on.topic(1, &[]).await;
    let first = admin.describe_topic(&topic).await.unwrap().id.unwrap();
    let by_id = admin.describe_topics_by_id(&[first], DescribeOptions::default()).await.unwrap();
    assert_eq!(*by_id[&first].as_ref().unwrap().name, *topic);
    admin.delete_topics_by_id(&[first]).await.unwrap().remove(&first).unwrap().unwrap();
    let start = Instant::now();
    on.make_anew(&topic).await;
    // Brokers hear of changes a little later than the controller that made them.
    let second = loop {
        match admin.describe_topic(&topic).await {
            Ok(described) if described.id != Some(first) => break described.id,
            _ => assert!(start.elapsed() < PATIENCE),
        }
    };
    assert!(second.is_some());
    let by_id = admin.describe_topics_by_id(&[first], DescribeOptions::default()).await.unwrap();
    assert_eq!(code(&by_id[&first]), Some(ErrorCode::UNKNOWN_TOPIC_ID));
}

rule!(configurations_are_described_and_altered_key_by_key: dev, real);
async fn configurations_are_described_and_altered_key_by_key(on: Harness) {
    let admin = on.admin(&[]);
    let topic = ConfigResource::topic(on.topic(1, &[("retention.ms", "1000000")]).await);
    let value = |entries: &[milena_kafka::admin::ConfigEntry], name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        (entry.value.clone().unwrap_or_default(), entry.source)
    };
    let before = admin.describe_configs(&topic).await.unwrap();
    assert_eq!(value(&before, "retention.ms"), ("1000000".to_owned(), ConfigSource::Topic));
    let changes = [
        AlterConfigOp::Set("max.message.bytes".to_owned(), "54321".to_owned()),
        AlterConfigOp::Append("cleanup.policy".to_owned(), "compact".to_owned()),
        AlterConfigOp::Delete("retention.ms".to_owned()),
    ];
    admin.incremental_alter_configs(&topic, &changes).await.unwrap();
    let start = Instant::now();
    let after = loop {
        let after = admin.describe_configs(&topic).await.unwrap();
        if value(&after, "max.message.bytes").0 == "54321" || start.elapsed() > PATIENCE {
            break after;
        }
    };
    assert_eq!(value(&after, "max.message.bytes"), ("54321".to_owned(), ConfigSource::Topic));
    assert!(value(&after, "cleanup.policy").0.contains("compact"));
    assert_ne!(value(&after, "retention.ms").0, "1000000");
    let absent = ConfigResource::topic("absent");
    let described = admin.describe_configs_of(&[topic.clone(), absent.clone()]).await;
    assert!(described[&topic].is_ok());
    assert_eq!(code(&described[&absent]), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

rule!(partitions_are_added_and_not_taken_away: dev, real);
async fn partitions_are_added_and_not_taken_away(on: Harness) {
    let (admin, topic) = (on.admin(&[]), on.topic(1, &[]).await);
    admin.create_partitions(&topic, 4).await.unwrap();
    assert_eq!(code(&admin.create_partitions(&topic, 2).await), Some(ErrorCode::INVALID_PARTITIONS));
    let start = Instant::now();
    while admin.describe_topic(&topic).await.unwrap().partitions.len() != 4 {
        assert!(start.elapsed() < PATIENCE);
    }
}

rule!(offsets_of_every_kind_are_listed_for_many_partitions_at_once: dev, real, cluster);
async fn offsets_of_every_kind_are_listed_for_many_partitions_at_once(on: Harness) {
    let (admin, topic) = (on.admin(&[]), on.topic(12, &[]).await);
    for partition in 0..12 {
        on.write(&topic, partition, 0..(partition as u32 + 1)).await;
    }
    let of = |spec: OffsetSpec| (0..12).map(|p| (at(&topic, p), spec)).collect::<BTreeMap<_, _>>();
    let listed = |found: BTreeMap<TopicPartition, Result<_, Error>>| -> Vec<i64> {
        found
            .into_values()
            .map(|outcome: Result<milena_kafka::admin::ListedOffset, _>| outcome.unwrap().offset)
            .collect()
    };
    assert_eq!(listed(admin.list_offsets(&of(OffsetSpec::Latest)).await.unwrap()), (1..=12).collect::<Vec<i64>>());
    assert_eq!(listed(admin.list_offsets(&of(OffsetSpec::Earliest)).await.unwrap()), vec![0; 12]);
    let committed = admin.list_offsets_seen_by(&of(OffsetSpec::Latest), IsolationLevel::ReadCommitted).await.unwrap();
    assert_eq!(listed(committed), (1..=12).collect::<Vec<i64>>());
    let newest = admin.list_offsets(&of(OffsetSpec::MaxTimestamp)).await.unwrap();
    assert!(
        newest.into_values().all(|outcome| outcome.is_ok_and(|found| found.offset >= 0 && found.timestamp.is_some()))
    );
    assert_eq!(listed(admin.list_offsets(&of(OffsetSpec::Timestamp(0))).await.unwrap()), vec![0; 12]);
    let future = OffsetSpec::Timestamp(i64::MAX / 2);
    assert_eq!(listed(admin.list_offsets(&of(future)).await.unwrap()), vec![-1; 12]);
    // One that is not there has an outcome of its own, when the time is over.
    let impatient = on.admin(&[("default.api.timeout.ms", "1500"), ("request.timeout.ms", "1000")]);
    let mut wanted = of(OffsetSpec::Latest);
    wanted.insert(at(&topic, 99), OffsetSpec::Latest);
    let mut found = impatient.list_offsets(&wanted).await.unwrap();
    let error = found.remove(&at(&topic, 99)).unwrap().unwrap_err();
    assert!(error.to_string().contains("UNKNOWN_TOPIC_OR_PARTITION"), "{error}");
    assert_eq!(listed(found), (1..=12).collect::<Vec<i64>>());
}

rule!(records_below_an_offset_are_deleted: dev, real);
async fn records_below_an_offset_are_deleted(on: Harness) {
    let (admin, topic) = (on.admin(&[]), on.topic(2, &[]).await);
    on.write(&topic, 0, 0..50).await;
    on.write(&topic, 1, 0..10).await;
    assert_eq!(admin.delete_records(&at(&topic, 0), 40).await.unwrap(), 40);
    let below = BTreeMap::from([(at(&topic, 0), 60), (at(&topic, 1), -1)]);
    let outcomes = admin.delete_records_below(&below).await.unwrap();
    assert_eq!(code(&outcomes[&at(&topic, 0)]), Some(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(outcomes[&at(&topic, 1)].as_ref().unwrap(), &10);
    let wanted = BTreeMap::from([(at(&topic, 0), OffsetSpec::Earliest), (at(&topic, 1), OffsetSpec::Earliest)]);
    let found = admin.list_offsets(&wanted).await.unwrap();
    let first: Vec<i64> = found.into_values().map(|outcome| outcome.unwrap().offset).collect();
    assert_eq!(first, [40, 10]);
}

rule!(committed_offsets_are_listed_altered_and_deleted: dev, real, secure);
async fn committed_offsets_are_listed_altered_and_deleted(on: Harness) {
    let (admin, topic, group) = (on.admin(&[]), on.topic(3, &[]).await, unique("group"));
    assert!(admin.list_consumer_group_offsets(&group).await.unwrap().is_empty());
    let mut first = OffsetAndMetadata::new(7);
    first.metadata = "why".to_owned();
    first.leader_epoch = Some(0);
    let offsets = BTreeMap::from([(at(&topic, 0), first), (at(&topic, 2), OffsetAndMetadata::new(0))]);
    admin.alter_consumer_group_offsets(&group, &offsets).await.unwrap();
    assert_eq!(admin.list_consumer_group_offsets(&group).await.unwrap(), offsets);
    let some = GroupOffsetsOptions { partitions: Some(vec![at(&topic, 1), at(&topic, 2)]), require_stable: true };
    let found = admin.list_consumer_group_offsets_with(&group, &some).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(at(&topic, 2), OffsetAndMetadata::new(0))]);
    // A partition that is not there does not keep the others from being committed.
    let mixed =
        BTreeMap::from([(at(&topic, 1), OffsetAndMetadata::new(1)), (at("absent", 0), OffsetAndMetadata::new(1))]);
    let outcomes = admin.alter_consumer_group_offsets_each(&group, &mixed).await.unwrap();
    assert!(outcomes[&at(&topic, 1)].is_ok());
    assert_eq!(code(&outcomes[&at("absent", 0)]), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    admin.delete_consumer_group_offsets(&group, &[at(&topic, 0), at(&topic, 1)]).await.unwrap();
    assert_eq!(admin.list_consumer_group_offsets(&group).await.unwrap().len(), 1);
    assert!(admin.list_groups().await.unwrap().iter().any(|listed| listed.group == group));
    assert_eq!(admin.describe_group(&group).await.unwrap().state, "Empty");
    let outcomes = admin.delete_consumer_groups(&[&group, "absent"]).await;
    assert!(outcomes[&group].is_ok(), "{outcomes:?}");
    assert!(outcomes["absent"].as_ref().unwrap_err().is_group_id_not_found());
    admin.delete_consumer_group_offsets(&group, &[at(&topic, 0)]).await.unwrap();
}

rule!(groups_are_described_with_their_members_who_can_be_removed: dev, real);
async fn groups_are_described_with_their_members_who_can_be_removed(on: Harness) {
    let (admin, topic, group) = (on.admin(&[]), on.topic(2, &[]).await, unique("group"));
    let mut member = on.consumer(&[("group.id", &group), ("client.id", "somebody")]);
    member.subscribe(Subscription::Topics(vec![topic.clone()]));
    while !matches!(next(&mut member).await, Polled::Assigned(_)) {}
    let described = admin.describe_group(&group).await.unwrap();
    assert_eq!((described.state.as_str(), described.protocol_type.as_str()), ("Stable", "consumer"));
    let [found] = described.members.as_slice() else { panic!("{described:?}") };
    assert_eq!(
        (found.client_id.as_str(), found.partitions.as_slice()),
        ("somebody", &[at(&topic, 0), at(&topic, 1)][..])
    );
    let stable = GroupFilter { states: vec!["stable".to_owned()], types: vec!["classic".to_owned()] };
    let listed = admin.list_groups_where(&stable).await.unwrap();
    assert!(listed.iter().any(|listed| listed.group == group && listed.state == "Stable"), "{listed:?}");
    let empty = GroupFilter { states: vec!["Empty".to_owned()], types: Vec::new() };
    assert!(admin.list_groups_where(&empty).await.unwrap().iter().all(|listed| listed.group != group));
    assert!(admin.delete_consumer_group(&group).await.unwrap_err().is_group_not_empty());
    let taken = BTreeMap::from([(at(&topic, 0), OffsetAndMetadata::new(1))]);
    assert!(admin.alter_consumer_group_offsets(&group, &taken).await.unwrap_err().is_unknown_member());
    let removed = admin.remove_members(&group, &RemovedMembers::All, "the rule wants it").await.unwrap();
    assert_eq!(removed.len(), 1);
    assert!(removed.values().all(Result::is_ok), "{removed:?}");
    assert!(admin.describe_group(&group).await.unwrap().members.is_empty());
    assert_eq!(admin.describe_group("absent").await.unwrap().state, "Dead");
    member.close(PATIENCE).await;
}

rule!(a_group_whose_partitions_the_broker_chooses_is_described_as_one: real);
async fn a_group_whose_partitions_the_broker_chooses_is_described_as_one(on: Harness) {
    let (topic, group) = (on.topic(3, &[]).await, unique("group"));
    let mut java = JavaProgram::start("MixedMember", &[on.bootstrap(), &group, &topic, "consumer"]);
    let admin = on.admin(&[]);
    let start = Instant::now();
    let described = loop {
        // Not there before its first member is.
        let described = admin.describe_group(&group).await.unwrap();
        let has_all = |member: &milena_kafka::admin::GroupMember| member.partitions.len() == 3;
        if described.state == "Stable" && described.members.iter().any(has_all) {
            break described;
        }
        assert!(start.elapsed() < PATIENCE, "{described:?} {:?}", java.lines());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(
        (described.server_side, described.protocol_type.as_str(), described.protocol.as_str()),
        (true, "consumer", "uniform")
    );
    let mut partitions = described.members[0].partitions.clone();
    partitions.sort();
    assert_eq!(partitions, [at(&topic, 0), at(&topic, 1), at(&topic, 2)]);
    let filter = GroupFilter { types: vec!["Consumer".to_owned()], ..GroupFilter::default() };
    let listed = admin.list_groups_where(&filter).await.unwrap();
    let listed = listed.iter().find(|listed| listed.group == group).unwrap();
    assert!(listed.group_type.eq_ignore_ascii_case("consumer"), "{listed:?}");
    assert_eq!(code(&admin.delete_consumer_group(&group).await), Some(ErrorCode::NON_EMPTY_GROUP));
    java.finish();
    let left = admin.describe_group(&group).await.unwrap();
    assert_eq!((left.server_side, left.state.as_str(), left.members.len()), (true, "Empty", 0));
    admin.delete_consumer_group(&group).await.unwrap();
    assert_eq!(admin.describe_group(&group).await.unwrap().state, "Dead");
}

rule!(a_fenced_producer_can_commit_no_more: dev, real);
async fn a_fenced_producer_can_commit_no_more(on: Harness) {
    let (admin, topic, id) = (on.admin(&[]), on.topic(1, &[]).await, unique("txn"));
    let (producer, mut completions) = on.producer(&[("transactional.id", &id)]);
    producer.init_transactions().await.unwrap();
    producer.begin_transaction().unwrap();
    produce(&producer, &mut completions, &topic, 0, 0..5).await;
    let fenced = admin.fence_producers(&[&id]).await.remove(&id).unwrap().unwrap();
    assert!(fenced.producer_id >= 0 && fenced.epoch > 0, "{fenced:?}");
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(error.to_string().contains("fenced") || error.code() == Some(ErrorCode::PRODUCER_FENCED), "{error}");
}

rule!(transactions_are_listed_and_described: dev, real);
async fn transactions_are_listed_and_described(on: Harness) {
    let (admin, topic, id) = (on.admin(&[]), on.topic(1, &[]).await, unique("txn"));
    let (producer, mut completions) = on.producer(&[("transactional.id", &id)]);
    producer.init_transactions().await.unwrap();
    producer.begin_transaction().unwrap();
    produce(&producer, &mut completions, &topic, 0, 0..5).await;
    let described = admin.describe_transactions(&[&id, "absent"]).await;
    let open = described[&id].as_ref().unwrap();
    assert_eq!((open.state.as_str(), open.partitions.as_slice()), ("Ongoing", &[at(&topic, 0)][..]));
    assert_eq!(code(&described["absent"]), Some(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND));
    let listed = admin.list_transactions().await.unwrap();
    assert!(listed.iter().any(|listed| listed.transactional_id == id && listed.producer_id == open.producer_id));
    producer.abort_transaction().await.unwrap();
}

rule!(the_cluster_is_described_with_what_this_client_may_do: real, cluster);
async fn the_cluster_is_described_with_what_this_client_may_do(on: Harness) {
    let (admin, topic) = (on.admin(&[]), on.topic(1, &[]).await);
    let options = DescribeOptions { include_authorized_operations: true };
    let cluster = admin.describe_cluster_with(options).await.unwrap();
    assert!(!cluster.nodes.is_empty() && cluster.cluster_id.is_some() && cluster.controller.is_some(), "{cluster:?}");
    assert!(cluster.authorized_operations.unwrap().contains(&AclOperation::Alter));
    assert_eq!(admin.describe_cluster().await.unwrap().authorized_operations, None);
    let described = admin.describe_topics(&[&topic], options).await.unwrap().remove(&topic).unwrap().unwrap();
    assert!(described.authorized_operations.unwrap().contains(&AclOperation::Read));
}

rule!(what_an_acl_forbids_is_named: secure);
async fn what_an_acl_forbids_is_named(on: Harness) {
    let topic = on.topic(1, &[]).await;
    let bob: Vec<(String, String)> = on.secured().client("scram512-bob").unwrap();
    let bob: Vec<(&str, &str)> = bob.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let admin = on.admin(&bob);
    let error = admin.describe_topic(&topic).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert!(error.to_string().contains(&topic) && !error.is_retriable(), "{error}");
    let error = admin.list_consumer_group_offsets("somebody-elses").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    assert!(error.to_string().contains("somebody-elses"), "{error}");
    let fenced = admin.fence_producers(&["somebody-elses"]).await.remove("somebody-elses").unwrap();
    assert_eq!(code(&fenced), Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    let changes = [AlterConfigOp::Set("retention.ms".to_owned(), "1".to_owned())];
    let altered = admin.incremental_alter_configs(&ConfigResource::topic(topic.as_str()), &changes).await;
    assert_eq!(code(&altered), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    let created = admin.create_topics(vec![NewTopic::new(unique("bobs"), 1, 1)]).await.unwrap().remove(0).1;
    assert_eq!(code(&created), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(created.unwrap_err().java_class(), "org.apache.kafka.common.errors.TopicAuthorizationException");
}

rule!(calls_are_made_again_on_errors_that_pass: dev; fault);
async fn calls_are_made_again_on_errors_that_pass(on: Harness) {
    let (admin, topic, group) = (on.admin(&[]), on.topic(1, &[]).await, unique("group"));
    let faults = on.dev_broker().faults();
    let wire = |code: ErrorCode| FaultAction::Error(code.code());
    for (api, action) in [
        (Api::FindCoordinator, wire(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
        (Api::OffsetCommit, wire(ErrorCode::NOT_COORDINATOR)),
        (Api::OffsetFetch, wire(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
        (Api::OffsetFetch, FaultAction::Drop),
        (Api::ListOffsets, wire(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
        (Api::ListOffsets, FaultAction::Drop),
        (Api::ListGroups, wire(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
    ] {
        faults.add(Fault::on(api, action).times(2));
    }
    let offsets = BTreeMap::from([(at(&topic, 0), OffsetAndMetadata::new(3))]);
    admin.alter_consumer_group_offsets(&group, &offsets).await.unwrap();
    assert_eq!(admin.list_consumer_group_offsets(&group).await.unwrap(), offsets);
    let wanted = BTreeMap::from([(at(&topic, 0), OffsetSpec::Latest)]);
    assert_eq!(admin.list_offsets(&wanted).await.unwrap()[&at(&topic, 0)].as_ref().unwrap().offset, 0);
    assert!(admin.list_groups().await.unwrap().iter().any(|listed| listed.group == group));
    assert_eq!(faults.pending(), 0);
}

rule!(an_error_that_passes_is_given_up_when_the_time_is_over: dev; fault);
async fn an_error_that_passes_is_given_up_when_the_time_is_over(on: Harness) {
    let admin = on.admin(&[("default.api.timeout.ms", "1000"), ("request.timeout.ms", "900")]);
    on.dev_broker().faults().add(Fault::on(Api::OffsetFetch, FaultAction::Error(14)).always());
    let start = Instant::now();
    let error = admin.list_consumer_group_offsets("g").await.unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    let text = error.to_string();
    assert!(text.contains("consumer group g") && text.contains("COORDINATOR_LOAD_IN_PROGRESS"), "{text}");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let few = on.admin(&[("retries", "1")]);
    let error = few.list_consumer_group_offsets("g").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
}

rule!(a_change_that_waits_at_the_broker_delays_no_question: dev; fault);
async fn a_change_that_waits_at_the_broker_delays_no_question(on: Harness) {
    let admin = on.admin(&[]);
    admin.describe_cluster().await.unwrap();
    let wait = Duration::from_secs(3);
    on.dev_broker().faults().add(Fault::on(Api::CreateTopics, FaultAction::Delay(wait)));
    let start = Instant::now();
    let change = async {
        admin.create_topics(vec![NewTopic::new(unique("slow"), 1, 1)]).await.unwrap();
        start.elapsed()
    };
    let question = async {
        admin.list_topics().await.unwrap();
        admin.list_consumer_group_offsets("g").await.unwrap();
        start.elapsed()
    };
    let (changed, asked) = tokio::join!(change, question);
    assert!(changed >= wait && asked < Duration::from_secs(2), "{changed:?} {asked:?}");
}

rule!(a_frozen_broker_does_not_hold_a_call_beyond_its_time: own; fault);
async fn a_frozen_broker_does_not_hold_a_call_beyond_its_time(mut on: Harness) {
    let admin = on.admin(&[("default.api.timeout.ms", "3000"), ("request.timeout.ms", "2000")]);
    admin.describe_cluster().await.unwrap();
    on.with_real(|broker| broker.pause()).await.unwrap();
    let start = Instant::now();
    let error = admin.list_topics().await.unwrap_err();
    let took = start.elapsed();
    on.with_real(|broker| broker.resume()).await.unwrap();
    assert!(took >= Duration::from_millis(1900) && took < Duration::from_millis(4000), "{took:?}");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    on.admin(&[]).list_topics().await.unwrap();
}

rule!(leaders_and_coordinators_may_move_while_an_admin_asks: cluster; fault);
async fn leaders_and_coordinators_may_move_while_an_admin_asks(mut on: Harness) {
    let (admin, topic, group) = (on.admin(&[]), on.topic(6, &[]).await, unique("group"));
    let offsets: BTreeMap<_, _> = (0..6).map(|p| (at(&topic, p), OffsetAndMetadata::new(i64::from(p)))).collect();
    admin.alter_consumer_group_offsets(&group, &offsets).await.unwrap();
    let wanted: BTreeMap<_, _> = (0..6).map(|p| (at(&topic, p), OffsetSpec::Latest)).collect();
    admin.list_offsets(&wanted).await.unwrap();
    let leader = admin.describe_topic(&topic).await.unwrap().partitions[0].leader.unwrap();
    let node = u16::try_from(leader).unwrap();
    on.with_real(move |cluster| cluster.signal(node, milena_testkit::kafka::Signal::KILL)).await.unwrap();
    for (partition, outcome) in admin.list_offsets(&wanted).await.unwrap() {
        assert_eq!(outcome.unwrap_or_else(|error| panic!("{partition}: {error}")).offset, 0);
    }
    // A new coordinator answers with what it knows to be on all replicas in sync, which it learns by their next fetch.
    let start = Instant::now();
    while admin.list_consumer_group_offsets(&group).await.unwrap() != offsets {
        assert!(start.elapsed() < PATIENCE);
    }
    let created = admin.create_topics(vec![NewTopic::new(unique("after"), 1, -1)]).await.unwrap().remove(0).1;
    created.unwrap();
}
