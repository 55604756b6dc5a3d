//! `Query`: the parameters behind the question mark.

use crate::path::decode_query;

/// Decoded parameters, in order.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses what stands behind `?`.
    pub fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_query(name), decode_query(value))
        });
        Query(pairs.collect())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// As Java's `Boolean.valueOf`: true is `true` in any case, all else false; `default` without the parameter.
    pub fn boolean(&self, name: &str, default: bool) -> bool {
        self.first(name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_and_only_true_is_true() {
        let query = Query::parse("a=TRUE&b=1&expand=info&expand=status&c&a=false");
        assert!(query.boolean("a", false));
        assert!(!query.boolean("b", true));
        assert!(!query.boolean("c", true));
        assert!(query.boolean("d", true));
        assert_eq!(query.all("expand").collect::<Vec<_>>(), ["info", "status"]);
    }
}
