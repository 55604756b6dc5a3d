//! Faults on demand: requests that are slow, lost before or after they took effect, refused, throttled or never answered.
//!
//! A [`Fault`] says which requests are hit (API, client id, node, topic, partition), how often (the next N, or with a chance that a seed
//! decides) and what happens to them. A [`FaultPlan`] is a mixture of them from one seed. What was hit is kept in order
//! ([`Faults::history`]) and can be awaited ([`Faults::hit`]).

mod api;
mod fault;
mod plan;
mod rules;
mod seeded;

pub use api::Api;
pub use fault::{Fault, FaultAction, Hit};
pub use plan::FaultPlan;
pub use rules::Faults;
pub(crate) use rules::{Arrived, Taken, Touched};
