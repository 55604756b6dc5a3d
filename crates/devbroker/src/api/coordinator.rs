//! FindCoordinator and InitProducerId.

use super::Context;
use super::wire::text;
use crate::nodes::Coordinated;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse,
    ProducerId,
};

const GROUP: i8 = 0;
const NO_TRANSACTIONS: &str =
    "the development broker has no transactions yet; unset transactional.id or use a real broker";

pub(super) fn find(cx: &Context<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let keys = if cx.version >= 4 { request.coordinator_keys } else { vec![request.key] };
    let coordinators: Vec<Coordinator> = keys
        .into_iter()
        .map(|key| {
            let answer = Coordinator::default().with_key(key).with_node_id(BrokerId(-1)).with_port(-1);
            if request.key_type == GROUP {
                let id = cx.shared.cluster.coordinator(Coordinated::Group(&answer.key));
                match cx.shared.cluster.node(id) {
                    Some(node) => answer
                        .with_node_id(BrokerId(node.id))
                        .with_host(text(&cx.connection.host))
                        .with_port(i32::from(node.port(cx.connection.listener))),
                    None => answer.with_error_code(ResponseError::CoordinatorNotAvailable.code()),
                }
            } else {
                answer
                    .with_error_code(ResponseError::InvalidRequest.code())
                    .with_error_message(Some(text(NO_TRANSACTIONS)))
            }
        })
        .collect();
    if cx.version >= 4 {
        return FindCoordinatorResponse::default().with_coordinators(coordinators);
    }
    match coordinators.into_iter().next() {
        Some(one) => FindCoordinatorResponse::default()
            .with_error_code(one.error_code)
            .with_error_message(one.error_message)
            .with_node_id(one.node_id)
            .with_host(one.host)
            .with_port(one.port),
        None => FindCoordinatorResponse::default(),
    }
}

pub(super) fn init_producer_id(cx: &Context<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |code: i16| {
        InitProducerIdResponse::default().with_error_code(code).with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
    };
    if request.transactional_id.is_some() {
        return refused(ResponseError::InvalidRequest.code());
    }
    match cx.shared.next_producer_id() {
        Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err(_) => refused(ResponseError::CoordinatorNotAvailable.code()),
    }
}
