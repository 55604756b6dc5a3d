//! milena-connector-generator
