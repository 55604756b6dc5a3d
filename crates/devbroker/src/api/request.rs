//! The way of one request: version, faults, quotas, coordinator, handler, answer.

use super::wire::{self, Reply};
use super::{Context, api_versions, coordinated, dispatch, refuse, throttle, touched};
use crate::broker::Shared;
use crate::faults::{Api, Arrived, FaultAction, Taken};
use crate::quotas::Quota;
use crate::security::Denied;
use crate::server::Connection;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::Decodable;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

/// APIs whose errors a fault can put on one partition or topic; in others the whole answer says it.
const PLACED: &[Api] = &[
    Api::Produce,
    Api::Fetch,
    Api::ListOffsets,
    Api::Metadata,
    Api::OffsetCommit,
    Api::OffsetForLeaderEpoch,
    Api::DeleteRecords,
];

/// An answer, and for how long nothing more is read from the connection after it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub reply: Reply,
    pub mute: Duration,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, mute: Duration::ZERO }
    }
}

/// Answers one request frame.
pub(crate) async fn handle(shared: &Shared, connection: &Connection, mut frame: Bytes) -> Answer {
    let size = frame.len();
    let Some((key, version)) = wire::key_and_version(&frame) else {
        return Reply::Close("a request shorter than its header").into();
    };
    let Some(&(api, min, max)) = shared.versions.iter().find(|(api, _, _)| *api as i16 == key) else {
        return Reply::Close("an API that this broker does not have").into();
    };
    let supported = (min..=max).contains(&version);
    if !supported && api != Api::ApiVersions {
        return Reply::Close("an API version that this broker does not have").into();
    }
    let denied = connection.authentication.admits(api).err();
    if let Some(Denied::Closed(reason)) = denied {
        return Reply::Close(reason).into();
    }
    let header_version = if supported { wire::request_header_version(key, version) } else { 1 };
    let Ok(header) = RequestHeader::decode(&mut frame, header_version) else {
        return Reply::Close("a request header that cannot be read").into();
    };
    if !supported {
        return api_versions::unsupported(shared, header.correlation_id).into();
    }
    let client_id = header.client_id.as_deref().unwrap_or("");
    let mut cx =
        Context { shared, connection, client_id, version, fault: 0, fault_place: None, throttle: AtomicU32::new(0) };
    if denied.is_some() {
        // In the middle of an authentication a real broker answers, and closes then.
        let code = ResponseError::IllegalSaslState.code();
        let refused = refuse::reply(&cx, api, header.correlation_id, frame, code).ok().flatten();
        return match refused {
            Some(Reply::Frame(frame)) => Reply::Piece(frame.freeze()).into(),
            _ => Reply::Close("a request in the middle of an authentication").into(),
        };
    }
    let request = Request { api, correlation: header.correlation_id, body: frame, size };
    let fault = shared.faults.take(&Arrived::new(api, version, client_id, connection.node, &|| {
        touched::touched(&cx, api, request.body.clone())
    }));
    let answered = match fault {
        Some(fault) => Box::pin(faulty(&mut cx, &request, fault)).await,
        None => Box::pin(answer(&cx, &request)).await,
    };
    let reply = answered.unwrap_or_else(|error| {
        tracing::warn!(?api, version, client = client_id, %error, "request cannot be read or answered");
        Reply::Close("a request that cannot be read")
    });
    match cx.throttle_ms() {
        0 => reply.into(),
        time => {
            let mute = Duration::from_millis(u64::try_from(time).unwrap_or(0));
            Answer { reply: throttle::tell(reply, api, version, time), mute }
        }
    }
}

/// A request behind its header.
struct Request {
    api: Api,
    correlation: i32,
    body: Bytes,
    /// Bytes of its frame.
    size: usize,
}

/// Answers a request that a fault hit.
async fn faulty(cx: &mut Context<'_>, request: &Request, mut fault: Taken) -> wire::Result<Reply> {
    match fault.action {
        FaultAction::Drop => return Ok(Reply::Close("a fault that was asked for")),
        FaultAction::Delay(delay) => tokio::time::sleep(delay).await,
        FaultAction::Stall => fault.released().await,
        FaultAction::Throttle(time) => cx.throttle_for(time),
        FaultAction::Error(code) => {
            cx.fault = code;
            cx.fault_place = fault.place.take().filter(|_| PLACED.contains(&request.api));
            if cx.fault_place.is_none()
                && let Some(refused) = refuse::reply(cx, request.api, request.correlation, request.body.clone(), code)?
            {
                return Ok(refused);
            }
        }
        _ => {}
    }
    let reply = Box::pin(answer(cx, request)).await?;
    match fault.action {
        FaultAction::ApplyThenDrop => Ok(Reply::Close("a fault that was asked for, after the effect")),
        FaultAction::HalfAnswer => Ok(reply.half()),
        FaultAction::ApplyThenStall => {
            fault.released().await;
            Ok(reply)
        }
        FaultAction::ApplyThenError(code) => {
            let refused = refuse::reply(cx, request.api, request.correlation, request.body.clone(), code)?;
            Ok(refused.unwrap_or(reply))
        }
        _ => Ok(reply),
    }
}

/// Answers a request: as the wrong coordinator, or by its handler.
async fn answer(cx: &Context<'_>, request: &Request) -> wire::Result<Reply> {
    let Request { api, correlation, ref body, size } = *request;
    if api == Api::Produce {
        cx.used(Quota::Produce, size as f64);
    }
    if cx.shared.cluster.nodes().len() > 1
        && let Some(named) = coordinated::named(api, cx.version, body.clone())
    {
        if named.is_here(cx) {
            tokio::select! {
                answered = Box::pin(dispatch(cx, api, correlation, body.clone())) => return answered,
                // What waits here is told at once; the group itself goes on at the other node.
                () = named.left(cx) => {}
            }
        }
        let code = ResponseError::NotCoordinator.code();
        let refused = refuse::reply(cx, api, correlation, body.clone(), code)?;
        return Ok(refused.unwrap_or(Reply::Close("not the coordinator")));
    }
    let parks = matches!(api, Api::Fetch | Api::JoinGroup | Api::SyncGroup);
    let started = (!parks && cx.shared.quotas.limits_requests()).then(Instant::now);
    let answered = Box::pin(dispatch(cx, api, correlation, body.clone())).await;
    if let Some(started) = started {
        cx.used(Quota::Request, started.elapsed().as_secs_f64() * 100.0);
    }
    answered
}
