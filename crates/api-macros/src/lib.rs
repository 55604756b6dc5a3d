//! milena-api-macros
