//! One sentence on each property of the clients.

/// The sentence, or an empty text.
pub(super) fn of(name: &str) -> &'static str {
    match name {
        "bootstrap.servers" => "Comma-separated host:port pairs from which the whole cluster is found.",
        _ => "",
    }
}
