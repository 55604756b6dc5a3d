//! Membership in groups: finding the coordinator, joining, heartbeats, leaving.
//!
//! Counterpart: org.apache.kafka.clients.consumer.internals.AbstractCoordinator.

mod assignor;
mod connect;
mod consumer;
mod coordinator;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod join;
mod member;
mod protocol;

pub use connect::{
    ConnectEvent, ConnectGeneration, ConnectGroup, ConnectMember, ConnectOffer, ConnectPeer, OfferReply, ShareReply,
};
pub(crate) use consumer::{Change, Done, Event, start};
pub(crate) use coordinator::{Coordinator, Identity};
pub(crate) use member::Membership;
pub(crate) use protocol::read_assignment;
