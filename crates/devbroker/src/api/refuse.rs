//! Answers that say one error, at the place where each API has room for it.
//!
//! They are for requests that must not reach their handler: faults that were asked for, and a node that does not coordinate the group.
//! Counterpart: `getErrorResponse` of Kafka's request classes.

use super::Context;
use super::wire::{self, Reply, text};
use crate::faults::Api;
use bytes::Bytes;
use kafka_protocol::messages as m;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::describe_producers_response as producers;
use kafka_protocol::messages::describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic;
use kafka_protocol::messages::describe_transactions_response as transactions;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::incremental_alter_configs_response as incremental;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_fetch_response as offsets;
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{BrokerId, ProducerId};
use kafka_protocol::protocol::{Decodable, StrBytes};

/// Errors of fetch sessions: they are not about one partition.
const FETCH_AS_A_WHOLE: [i16; 3] = [70, 71, 106];
/// Metadata says this of itself, everything else of topics.
const REBOOTSTRAP_REQUIRED: i16 = 129;
const REASON: &str = "a fault that was asked for";

/// Lists one answer per element of a request.
fn each<T, R>(items: impl IntoIterator<Item = T>, answer: impl FnMut(T) -> R) -> Vec<R> {
    items.into_iter().map(answer).collect()
}

/// The answer, or `None` where the handler has to look for itself (`Context::fault`).
pub(super) fn reply(
    cx: &Context<'_>,
    api: Api,
    correlation: i32,
    mut body: Bytes,
    code: i16,
) -> wire::Result<Option<Reply>> {
    let version = cx.version;
    let message = || Some(text(REASON));
    macro_rules! request {
        ($request:ty) => {
            <$request>::decode(&mut body, version)?
        };
    }
    macro_rules! answer {
        ($response:expr) => {
            wire::encode(correlation, version, &$response).map(Some)
        };
    }
    match api {
        Api::Produce => {
            let request = request!(m::ProduceRequest);
            if request.acks == 0 {
                return Ok(Some(Reply::Close("a produce request with acks=0 failed")));
            }
            let responses = each(request.topic_data, |topic| {
                let partitions = each(topic.partition_data, |data| {
                    PartitionProduceResponse::default()
                        .with_index(data.index)
                        .with_error_code(code)
                        .with_base_offset(-1)
                        .with_log_append_time_ms(-1)
                        .with_log_start_offset(-1)
                        .with_error_message(message())
                });
                TopicProduceResponse::default()
                    .with_name(topic.name)
                    .with_topic_id(topic.topic_id)
                    .with_partition_responses(partitions)
            });
            answer!(m::ProduceResponse::default().with_responses(responses))
        }
        Api::ListOffsets => {
            let topics = each(request!(m::ListOffsetsRequest).topics, |topic| {
                let partitions = each(topic.partitions, |wanted| {
                    ListOffsetsPartitionResponse::default()
                        .with_partition_index(wanted.partition_index)
                        .with_error_code(code)
                        .with_timestamp(-1)
                        .with_offset(-1)
                        .with_leader_epoch(-1)
                });
                ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions)
            });
            answer!(m::ListOffsetsResponse::default().with_topics(topics))
        }
        Api::OffsetForLeaderEpoch => {
            let topics = each(request!(m::OffsetForLeaderEpochRequest).topics, |topic| {
                let partitions = each(topic.partitions, |wanted| {
                    EpochEndOffset::default()
                        .with_partition(wanted.partition)
                        .with_error_code(code)
                        .with_leader_epoch(-1)
                        .with_end_offset(-1)
                });
                OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions)
            });
            answer!(m::OffsetForLeaderEpochResponse::default().with_topics(topics))
        }
        Api::DescribeTopicPartitions => {
            let topics = each(request!(m::DescribeTopicPartitionsRequest).topics, |topic| {
                DescribeTopicPartitionsResponseTopic::default()
                    .with_name(Some(topic.name))
                    .with_error_code(code)
                    .with_topic_authorized_operations(i32::MIN)
            });
            answer!(m::DescribeTopicPartitionsResponse::default().with_topics(topics))
        }
        Api::DescribeCluster => answer!(
            m::DescribeClusterResponse::default()
                .with_error_code(code)
                .with_error_message(message())
                .with_endpoint_type(1)
        ),
        Api::ApiVersions => answer!(m::ApiVersionsResponse::default().with_error_code(code)),
        Api::FindCoordinator => {
            let request = request!(m::FindCoordinatorRequest);
            if version < 4 {
                let refused = m::FindCoordinatorResponse::default().with_node_id(BrokerId(-1)).with_port(-1);
                return answer!(refused.with_error_code(code).with_error_message(message()));
            }
            let coordinators = each(request.coordinator_keys, |key| {
                Coordinator::default()
                    .with_key(key)
                    .with_node_id(BrokerId(-1))
                    .with_port(-1)
                    .with_error_code(code)
                    .with_error_message(message())
            });
            answer!(m::FindCoordinatorResponse::default().with_coordinators(coordinators))
        }
        Api::InitProducerId => answer!(
            m::InitProducerIdResponse::default()
                .with_error_code(code)
                .with_producer_id(ProducerId(-1))
                .with_producer_epoch(-1)
        ),
        Api::AddOffsetsToTxn => answer!(m::AddOffsetsToTxnResponse::default().with_error_code(code)),
        Api::EndTxn => answer!(m::EndTxnResponse::default().with_error_code(code)),
        Api::TxnOffsetCommit => {
            let topics = each(request!(m::TxnOffsetCommitRequest).topics, |topic| {
                let partitions = each(topic.partitions, |wanted| {
                    TxnOffsetCommitResponsePartition::default()
                        .with_partition_index(wanted.partition_index)
                        .with_error_code(code)
                });
                TxnOffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
            });
            answer!(m::TxnOffsetCommitResponse::default().with_topics(topics))
        }
        Api::WriteTxnMarkers => {
            let markers = each(request!(m::WriteTxnMarkersRequest).markers, |marker| {
                let topics = each(marker.topics, |topic| {
                    let partitions = each(topic.partition_indexes, |index| {
                        WritableTxnMarkerPartitionResult::default().with_partition_index(index).with_error_code(code)
                    });
                    WritableTxnMarkerTopicResult::default().with_name(topic.name).with_partitions(partitions)
                });
                WritableTxnMarkerResult::default().with_producer_id(marker.producer_id).with_topics(topics)
            });
            answer!(m::WriteTxnMarkersResponse::default().with_markers(markers))
        }
        Api::DescribeProducers => {
            let topics = each(request!(m::DescribeProducersRequest).topics, |topic| {
                let partitions = each(topic.partition_indexes, |index| {
                    producers::PartitionResponse::default()
                        .with_partition_index(index)
                        .with_error_code(code)
                        .with_error_message(message())
                });
                producers::TopicResponse::default().with_name(topic.name).with_partitions(partitions)
            });
            answer!(m::DescribeProducersResponse::default().with_topics(topics))
        }
        Api::DescribeTransactions => {
            let states = each(request!(m::DescribeTransactionsRequest).transactional_ids, |id| {
                transactions::TransactionState::default().with_transactional_id(id).with_error_code(code)
            });
            answer!(m::DescribeTransactionsResponse::default().with_transaction_states(states))
        }
        Api::ListTransactions => answer!(m::ListTransactionsResponse::default().with_error_code(code)),
        Api::JoinGroup => {
            let request = request!(m::JoinGroupRequest);
            // Before version 7 a missing protocol name is the empty one.
            let name = if version >= 7 { None } else { Some(StrBytes::new()) };
            answer!(
                m::JoinGroupResponse::default()
                    .with_error_code(code)
                    .with_generation_id(-1)
                    .with_protocol_name(name)
                    .with_member_id(request.member_id)
            )
        }
        Api::SyncGroup => answer!(m::SyncGroupResponse::default().with_error_code(code)),
        Api::Heartbeat => answer!(m::HeartbeatResponse::default().with_error_code(code)),
        Api::LeaveGroup => answer!(m::LeaveGroupResponse::default().with_error_code(code)),
        Api::OffsetCommit => {
            let topics = each(request!(m::OffsetCommitRequest).topics, |topic| {
                let partitions = each(topic.partitions, |wanted| {
                    OffsetCommitResponsePartition::default()
                        .with_partition_index(wanted.partition_index)
                        .with_error_code(code)
                });
                OffsetCommitResponseTopic::default()
                    .with_name(topic.name)
                    .with_topic_id(topic.topic_id)
                    .with_partitions(partitions)
            });
            answer!(m::OffsetCommitResponse::default().with_topics(topics))
        }
        Api::OffsetFetch => answer!(offset_fetch(request!(m::OffsetFetchRequest), version, code)),
        Api::OffsetDelete => answer!(m::OffsetDeleteResponse::default().with_error_code(code)),
        Api::DescribeGroups => {
            let groups = each(request!(m::DescribeGroupsRequest).groups, |id| {
                let described = DescribedGroup::default().with_group_id(id).with_error_code(code);
                described.with_authorized_operations(i32::MIN)
            });
            answer!(m::DescribeGroupsResponse::default().with_groups(groups))
        }
        Api::ListGroups => answer!(m::ListGroupsResponse::default().with_error_code(code)),
        Api::DeleteGroups => {
            let results = each(request!(m::DeleteGroupsRequest).groups_names, |id| {
                DeletableGroupResult::default().with_group_id(id).with_error_code(code)
            });
            answer!(m::DeleteGroupsResponse::default().with_results(results))
        }
        Api::CreateTopics => {
            let topics = each(request!(m::CreateTopicsRequest).topics, |topic| {
                CreatableTopicResult::default()
                    .with_name(topic.name)
                    .with_error_code(code)
                    .with_error_message(message())
                    .with_num_partitions(-1)
                    .with_replication_factor(-1)
            });
            answer!(m::CreateTopicsResponse::default().with_topics(topics))
        }
        Api::DeleteTopics => {
            let request = request!(m::DeleteTopicsRequest);
            let refused = |name, id| {
                DeletableTopicResult::default()
                    .with_name(name)
                    .with_topic_id(id)
                    .with_error_code(code)
                    .with_error_message(message())
            };
            let responses = if version >= 6 {
                each(request.topics, |topic| refused(topic.name, topic.topic_id))
            } else {
                each(request.topic_names, |name| refused(Some(name), uuid::Uuid::nil()))
            };
            answer!(m::DeleteTopicsResponse::default().with_responses(responses))
        }
        Api::CreatePartitions => {
            let results = each(request!(m::CreatePartitionsRequest).topics, |topic| {
                CreatePartitionsTopicResult::default()
                    .with_name(topic.name)
                    .with_error_code(code)
                    .with_error_message(message())
            });
            answer!(m::CreatePartitionsResponse::default().with_results(results))
        }
        Api::DeleteRecords => {
            let topics = each(request!(m::DeleteRecordsRequest).topics, |topic| {
                let partitions = each(topic.partitions, |wanted| {
                    DeleteRecordsPartitionResult::default()
                        .with_partition_index(wanted.partition_index)
                        .with_low_watermark(-1)
                        .with_error_code(code)
                });
                DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions)
            });
            answer!(m::DeleteRecordsResponse::default().with_topics(topics))
        }
        Api::DescribeConfigs => {
            let results = each(request!(m::DescribeConfigsRequest).resources, |resource| {
                DescribeConfigsResult::default()
                    .with_error_code(code)
                    .with_error_message(message())
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name)
            });
            answer!(m::DescribeConfigsResponse::default().with_results(results))
        }
        Api::AlterConfigs => {
            let responses = each(request!(m::AlterConfigsRequest).resources, |resource| {
                AlterConfigsResourceResponse::default()
                    .with_error_code(code)
                    .with_error_message(message())
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name)
            });
            answer!(m::AlterConfigsResponse::default().with_responses(responses))
        }
        Api::IncrementalAlterConfigs => {
            let responses = each(request!(m::IncrementalAlterConfigsRequest).resources, |resource| {
                incremental::AlterConfigsResourceResponse::default()
                    .with_error_code(code)
                    .with_error_message(message())
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name)
            });
            answer!(m::IncrementalAlterConfigsResponse::default().with_responses(responses))
        }
        Api::SaslHandshake => answer!(m::SaslHandshakeResponse::default().with_error_code(code)),
        Api::SaslAuthenticate => {
            answer!(m::SaslAuthenticateResponse::default().with_error_code(code).with_error_message(message()))
        }
        Api::Fetch if FETCH_AS_A_WHOLE.contains(&code) => {
            answer!(m::FetchResponse::default().with_error_code(code))
        }
        Api::Metadata if code == REBOOTSTRAP_REQUIRED && version >= 13 => answer!(
            m::MetadataResponse::default()
                .with_error_code(code)
                .with_controller_id(BrokerId(-1))
                .with_cluster_authorized_operations(i32::MIN)
        ),
        Api::AddPartitionsToTxn => {
            let request = request!(m::AddPartitionsToTxnRequest);
            let refused = |topics: Vec<AddPartitionsToTxnTopic>| {
                each(topics, |topic| {
                    let partitions = each(topic.partitions, |index| {
                        AddPartitionsToTxnPartitionResult::default()
                            .with_partition_index(index)
                            .with_partition_error_code(code)
                    });
                    AddPartitionsToTxnTopicResult::default().with_name(topic.name).with_results_by_partition(partitions)
                })
            };
            let response = m::AddPartitionsToTxnResponse::default();
            if version < 4 {
                return answer!(response.with_results_by_topic_v3_and_below(refused(request.v3_and_below_topics)));
            }
            let results = each(request.transactions, |one| {
                AddPartitionsToTxnResult::default()
                    .with_transactional_id(one.transactional_id)
                    .with_topic_results(refused(one.topics))
            });
            answer!(response.with_results_by_transaction(results))
        }
        Api::Fetch | Api::Metadata => Ok(None),
    }
}

fn offset_fetch(request: m::OffsetFetchRequest, version: i16, code: i16) -> m::OffsetFetchResponse {
    let response = m::OffsetFetchResponse::default();
    if version >= 8 {
        let groups = each(request.groups, |group| {
            offsets::OffsetFetchResponseGroup::default().with_group_id(group.group_id).with_error_code(code)
        });
        return response.with_groups(groups);
    }
    if version >= 2 {
        return response.with_error_code(code);
    }
    let topics = each(request.topics.unwrap_or_default(), |topic| {
        let partitions = each(topic.partition_indexes, |index| {
            offsets::OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(-1)
                .with_metadata(Some(StrBytes::new()))
                .with_error_code(code)
        });
        offsets::OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    response.with_topics(topics)
}
