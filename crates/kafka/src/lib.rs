//! milena-kafka
