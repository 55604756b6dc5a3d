//! milena-connector-probe
