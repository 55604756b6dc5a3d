//! milena-connector-file
