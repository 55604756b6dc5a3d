//! milena-bundle
