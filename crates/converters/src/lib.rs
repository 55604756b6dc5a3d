//! milena-converters
