//! Content negotiation: everything is JSON, and clients that say otherwise are told so.
//!
//! Counterpart: the media type matching of JAX-RS.

/// The one media type.
pub const JSON: &str = "application/json";

/// What a `Content-Type` header says of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`, with or without parameters.
    Json,
    /// A range that includes it, which says nothing about a body.
    Range,
    /// Another media type.
    Other,
    /// No media type at all.
    Malformed,
}

impl ContentType {
    /// Reads the header.
    pub fn of(header: &str) -> Self {
        match parts(header) {
            None => ContentType::Malformed,
            Some((kind, subtype, _)) if kind.eq_ignore_ascii_case("application") && json_or_any(subtype) => {
                if subtype == "*" { ContentType::Range } else { ContentType::Json }
            }
            Some(("*", "*", _)) => ContentType::Range,
            Some(_) => ContentType::Other,
        }
    }
}

/// The `Content-Type` of a response to a client with this `Accept` header; `None` if it takes no JSON. A client that names
/// parameters gets them back, as in JAX-RS; `q=0` is not understood as a refusal, as there.
pub fn accepted(header: &str) -> Option<String> {
    if header.trim().is_empty() {
        return Some(JSON.to_owned());
    }
    header.split(',').find_map(|range| {
        let (kind, subtype, parameters) = parts(range)?;
        let any = kind == "*" && subtype == "*";
        let fits = any || kind.eq_ignore_ascii_case("application") && json_or_any(subtype);
        let mut content_type = JSON.to_owned();
        for parameter in parameters.split(';').map(str::trim).filter(|p| !p.is_empty() && !p.starts_with("q=")) {
            content_type.push(';');
            content_type.push_str(parameter);
        }
        fits.then_some(content_type)
    })
}

/// The first media type that the client names, if it names none with a wild-card.
pub fn first_named(header: &str) -> Option<String> {
    let (kind, subtype, _) = parts(header.split(',').next()?)?;
    (kind != "*" && subtype != "*").then(|| format!("{kind}/{subtype}"))
}

fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (media_type, parameters) = text.split_once(';').unwrap_or((text, ""));
    let (kind, subtype) = media_type.trim().split_once('/')?;
    (!kind.is_empty() && !subtype.is_empty()).then_some((kind, subtype, parameters))
}

fn json_or_any(subtype: &str) -> bool {
    subtype == "*" || subtype.eq_ignore_ascii_case("json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_told_apart() {
        assert_eq!(ContentType::of("application/JSON; charset=utf-8"), ContentType::Json);
        assert_eq!(ContentType::of("application/*"), ContentType::Range);
        assert_eq!(ContentType::of("text/plain"), ContentType::Other);
        assert_eq!(ContentType::of("garbage"), ContentType::Malformed);
    }

    #[test]
    fn json_must_be_among_what_a_client_accepts() {
        for header in ["", "*/*", "text/html, application/*;q=0.1", "application/json;q=0", "text/html,*/*"] {
            assert_eq!(accepted(header).as_deref(), Some(JSON), "{header}");
        }
        assert_eq!(accepted("application/json;charset=utf-8").as_deref(), Some("application/json;charset=utf-8"));
        for header in ["text/html", "application/vnd+json", "garbage"] {
            assert_eq!(accepted(header), None, "{header}");
        }
    }
}
