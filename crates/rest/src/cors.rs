//! `Cors`: answers to cross-origin requests, when `access.control.allow.origin` is set.
//!
//! Counterpart: org.eclipse.jetty.server.handler.CrossOriginHandler, as Kafka Connect sets it up.

use fancy_regex::Regex;
use hyper::Method;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use crate::config::RestConfig;
use crate::error::{Error, Result};

/// Adds the headers of cross-origin answers. Requests of other origins are answered all the same, without them.
pub struct Cors {
    origins: Vec<Origin>,
    methods: HeaderValue,
}

enum Origin {
    Any,
    Matching(Box<Regex>),
}

impl Cors {
    /// `None` if cross-origin answers are switched off.
    ///
    /// # Errors
    /// An origin is no regular expression, or the methods cannot stand in a header.
    pub fn new(config: &RestConfig) -> Result<Option<Self>> {
        if config.allow_origin.trim().is_empty() {
            return Ok(None);
        }
        let origins = config.allow_origin.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let methods =
            if config.allow_methods.trim().is_empty() { "GET,POST,HEAD" } else { config.allow_methods.as_str() };
        let methods = HeaderValue::from_str(methods).map_err(|_| Error::Config {
            key: "access.control.allow.methods",
            reason: format!("{methods:?} cannot be sent as a header"),
        })?;
        Ok(Some(Cors { origins: origins.map(Origin::new).collect::<Result<_>>()?, methods }))
    }

    /// Adds what a request with these headers is to be answered with.
    pub fn answer(&self, method: &Method, request: &HeaderMap, response: &mut HeaderMap) {
        response.insert(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = request.get(ORIGIN).filter(|origin| self.allows(origin)) else {
            return;
        };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if method == Method::OPTIONS && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
            response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("60"));
        }
    }

    /// One of the origins that the header lists is enough.
    fn allows(&self, header: &HeaderValue) -> bool {
        let matches = |one: &str| self.origins.iter().any(|origin| origin.matches(one));
        header.to_str().is_ok_and(|header| header.split_whitespace().any(matches))
    }
}

impl Origin {
    fn new(pattern: &str) -> Result<Self> {
        if pattern == "*" {
            return Ok(Origin::Any);
        }
        let regex = Regex::new(&format!("(?i)^(?:{pattern})$"));
        regex.map(|regex| Origin::Matching(Box::new(regex))).map_err(|error| Error::Config {
            key: "access.control.allow.origin",
            reason: format!("`{pattern}` is no regular expression: {error}"),
        })
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Origin::Any => true,
            // A pattern that runs into the limit of backtracking matches nothing.
            Origin::Matching(regex) => regex.is_match(origin).unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: Method, headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let config = RestConfig {
            allow_origin: "http://a.com, http://b.*".to_owned(),
            allow_methods: "GET,PUT".to_owned(),
            ..RestConfig::default()
        };
        let mut request = HeaderMap::new();
        for (name, value) in headers {
            request.insert(*name, HeaderValue::from_static(value));
        }
        let mut response = HeaderMap::new();
        Cors::new(&config).unwrap().unwrap().answer(&method, &request, &mut response);
        response
    }

    #[test]
    fn allowed_origins_are_patterns_without_case() {
        for (origin, allowed) in [
            ("HTTP://A.COM", true),
            ("http://bxyz", true),
            ("http://evil.com http://a.com", true),
            ("http://evil.com", false),
        ] {
            let headers = answer(Method::GET, &[("origin", origin)]);
            assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some(), allowed, "{origin}");
            assert_eq!(headers[VARY], "Origin");
        }
    }

    #[test]
    fn preflights_are_told_methods_and_headers() {
        let headers = answer(Method::OPTIONS, &[("origin", "http://a.com"), ("access-control-request-method", "PUT")]);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET,PUT");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "Content-Type");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "60");
        assert!(!answer(Method::OPTIONS, &[("origin", "http://a.com")]).contains_key(ACCESS_CONTROL_ALLOW_METHODS));
    }

    #[test]
    fn a_blank_origin_switches_it_off_and_a_star_allows_all() {
        assert!(Cors::new(&RestConfig::default()).unwrap().is_none());
        let star = RestConfig { allow_origin: "*".to_owned(), ..RestConfig::default() };
        assert!(Cors::new(&star).unwrap().unwrap().allows(&HeaderValue::from_static("http://any")));
        let wrong = RestConfig { allow_origin: "(".to_owned(), ..RestConfig::default() };
        assert!(Cors::new(&wrong).is_err());
    }
}
