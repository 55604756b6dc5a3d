//! milena-api
