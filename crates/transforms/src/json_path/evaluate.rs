//! Walking a path.

use milena_api::data::{Map, Value};

use super::{JsonPath, NotFound, Token, each_child, is_object, member};

/// Where a walk is, and what it is for.
pub(super) struct Walk<'v> {
    /// What `$` means.
    pub root: &'v Value,
    /// Whether every name has to be there, as where a filter asks for existence.
    pub strict: bool,
}

impl JsonPath {
    /// All that the path leads to; of a definite path exactly one.
    ///
    /// # Errors
    /// A definite path leads nowhere, or a name on the definite part of the way is missing.
    pub(crate) fn find(&self, root: &Value) -> Result<Vec<Value>, NotFound> {
        self.find_from(root, &Walk { root, strict: false })
    }

    pub(super) fn find_from(&self, start: &Value, walk: &Walk<'_>) -> Result<Vec<Value>, NotFound> {
        let mut found = Vec::new();
        self.walk(0, start, walk, &mut found)?;
        if self.is_definite() && found.is_empty() {
            return Err(NotFound);
        }
        match &self.function {
            None => Ok(found),
            Some(function) => {
                let input = if self.is_definite() { found.pop().unwrap_or_default() } else { Value::array(found) };
                function.apply(&input).map(|value| vec![value])
            }
        }
    }

    fn walk(&self, at: usize, here: &Value, walk: &Walk<'_>, found: &mut Vec<Value>) -> Result<(), NotFound> {
        let Some(token) = self.tokens.get(at) else {
            found.push(here.clone());
            return Ok(());
        };
        let definite = self.definite_before.get(at).copied().unwrap_or(false);
        let is_last = at + 1 == self.tokens.len();
        // Nothing is missed behind a wildcard, a slice, a filter or a scan.
        let missed = if definite { Err(NotFound) } else { Ok(()) };
        match token {
            Token::Properties(_) if !is_object(here) => missed,
            Token::Properties(names) => match names.as_slice() {
                [name] => self.walk_member(at, name, here, walk, found),
                names if is_last => {
                    let mut merged = Map::with_capacity(names.len());
                    for name in names {
                        match member(here, name) {
                            Some(value) => drop(merged.insert(Value::from(name.as_str()), value.clone())),
                            None if walk.strict => return Err(NotFound),
                            None => {}
                        }
                    }
                    found.push(Value::map(merged));
                    Ok(())
                }
                names => names.iter().try_for_each(|name| self.walk_member(at, name, here, walk, found)),
            },
            Token::Wildcard => each_child(here, |child| match self.walk(at + 1, child, walk, found) {
                Err(NotFound) if !walk.strict => Ok(()),
                walked => walked,
            }),
            Token::Indexes(indexes) => match here {
                Value::Array(items) => {
                    for index in indexes {
                        let index = if *index < 0 { *index + items.len() as i64 } else { *index };
                        if let Some(item) = usize::try_from(index).ok().and_then(|index| items.get(index)) {
                            self.walk(at + 1, item, walk, found)?;
                        }
                    }
                    Ok(())
                }
                _ => missed,
            },
            Token::Slice(from, to) => match here {
                Value::Array(items) => {
                    for item in slice(items, *from, *to) {
                        self.walk(at + 1, item, walk, found)?;
                    }
                    Ok(())
                }
                _ => missed,
            },
            Token::Filters(filters) => {
                let accepts = |item: &Value| filters.iter().all(|filter| filter.accepts(item, walk.root));
                match here {
                    Value::Array(items) => items
                        .iter()
                        .filter(|item| accepts(item))
                        .try_for_each(|item| self.walk(at + 1, item, walk, found)),
                    object if is_object(object) => {
                        if accepts(object) {
                            self.walk(at + 1, object, walk, found)
                        } else {
                            Ok(())
                        }
                    }
                    _ => missed,
                }
            }
            Token::Scan => self.scan(at + 1, here, walk, found),
        }
    }

    fn walk_member(
        &self,
        at: usize,
        name: &str,
        here: &Value,
        walk: &Walk<'_>,
        found: &mut Vec<Value>,
    ) -> Result<(), NotFound> {
        match member(here, name) {
            Some(value) => self.walk(at + 1, value, walk, found),
            None if walk.strict => Err(NotFound),
            None if at + 1 == self.tokens.len() => Ok(()),
            // A definite way ends here; one that comes from several places goes on at the others.
            None if self.definite_before.get(at + 1).copied().unwrap_or(false) => Err(NotFound),
            None => Ok(()),
        }
    }

    /// Tries the token at `at` on a value and on all that is in it.
    fn scan(&self, at: usize, here: &Value, walk: &Walk<'_>, found: &mut Vec<Value>) -> Result<(), NotFound> {
        let Some(token) = self.tokens.get(at) else { return Ok(()) };
        let fits = match token {
            Token::Properties(names) if names.len() == 1 || at + 1 == self.tokens.len() => {
                is_object(here) && names.iter().all(|name| member(here, name).is_some())
            }
            Token::Properties(_) => is_object(here),
            Token::Wildcard => true,
            Token::Indexes(_) | Token::Slice(..) => matches!(here, Value::Array(_)),
            Token::Filters(filters) => filters.iter().all(|filter| filter.accepts(here, walk.root)),
            Token::Scan => false,
        };
        if fits {
            match here {
                // Of a list that fits, what follows the token is looked for in every item.
                Value::Array(items) if at + 1 < self.tokens.len() => {
                    items.iter().try_for_each(|item| self.walk(at + 1, item, walk, found))?;
                }
                _ => self.walk(at, here, walk, found)?,
            }
        }
        each_child(here, |child| self.scan(at, child, walk, found))
    }
}

fn slice(items: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let len = items.len() as i64;
    let (from, to) = match (from, to) {
        (Some(from), None) => ((if from < 0 { len + from } else { from }).max(0), len),
        (None, Some(to)) => (0, (if to < 0 { len + to } else { to }).min(len)),
        (Some(from), Some(to)) => (from, to.min(len)),
        (None, None) => (0, len),
    };
    let bound = |index: i64| usize::try_from(index).unwrap_or(0);
    items.get(bound(from)..bound(to)).unwrap_or_default()
}
