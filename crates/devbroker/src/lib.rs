//! milena-devbroker
