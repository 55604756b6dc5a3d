//! FindCoordinator.

use super::Context;
use super::wire::text;
use crate::nodes::Coordinated;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const NO_SUCH_TYPE: &str = "the development broker coordinates groups and transactions only";

pub(super) fn find(cx: &Context<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let keys = if cx.version >= 4 { request.coordinator_keys } else { vec![request.key] };
    let coordinators: Vec<Coordinator> = keys
        .into_iter()
        .map(|key| {
            let answer = Coordinator::default().with_key(key).with_node_id(BrokerId(-1)).with_port(-1);
            let of = match request.key_type {
                GROUP => Some(Coordinated::Group(&answer.key)),
                TRANSACTION => Some(Coordinated::Transaction(&answer.key)),
                _ => None,
            };
            if let Some(of) = of {
                match cx.shared.cluster.node(cx.shared.cluster.coordinator(of)) {
                    Some(node) => answer
                        .with_node_id(BrokerId(node.id))
                        .with_host(text(&cx.connection.host))
                        .with_port(i32::from(node.port(cx.connection.listener))),
                    None => answer.with_error_code(ResponseError::CoordinatorNotAvailable.code()),
                }
            } else {
                answer
                    .with_error_code(ResponseError::InvalidRequest.code())
                    .with_error_message(Some(text(NO_SUCH_TYPE)))
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
