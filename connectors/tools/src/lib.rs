//! milena-connector-tools
