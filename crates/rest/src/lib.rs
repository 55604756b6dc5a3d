//! milena-rest
