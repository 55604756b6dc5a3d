//! milena-runtime
