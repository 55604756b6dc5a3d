//! Transitions of a transactional id.
