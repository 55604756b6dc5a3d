//! milena-transforms
