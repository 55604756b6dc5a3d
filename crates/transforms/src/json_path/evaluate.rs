//! Walking a path.

use milena_api::data::{Map, Value};

use super::{JsonPath, NoResult, Token, each_child, is_object, member};

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
    pub(crate) fn find(&self, root: &Value) -> Result<Vec<Value>, NoResult> {
        self.find_from(root, &Walk { root, strict: false })
    }

    pub(super) fn find_from(&self, start: &Value, walk: &Walk<'_>) -> Result<Vec<Value>, NoResult> {
        let mut found = Vec::new();
        self.walk(0, start, walk, &mut found)?;
        if self.is_definite() && found.is_empty() {
            return Err(NoResult::Nothing);
        }
        match &self.function {
            None => Ok(found),
            Some(function) => {
                let input = if self.is_definite() { found.pop().unwrap_or_default() } else { Value::array(found) };
                function.apply(&input).map(|value| vec![value])
            }
        }
    }

    fn walk(&self, at: usize, here: &Value, walk: &Walk<'_>, found: &mut Vec<Value>) -> Result<(), NoResult> {
        let Some(token) = self.tokens.get(at) else {
            found.push(here.clone());
            return Ok(());
        };
        let definite = self.definite_before.get(at).copied().unwrap_or(false);
        let is_last = at + 1 == self.tokens.len();
        // Nothing is missed behind a wildcard, a slice, a filter or a scan.
        let missed = if definite { Err(NoResult::Nothing) } else { Ok(()) };
        match token {
            Token::Properties(_) if !is_object(here) => missed,
            Token::Properties(names) => match names.as_slice() {
                [name] => self.walk_member(at, name, here, walk, found),
                names if is_last => {
                    let mut merged = Map::with_capacity(names.len());
                    for name in names {
                        match member(here, name) {
                            Some(value) => drop(merged.insert(Value::from(name.as_str()), value.clone())),
                            None if walk.strict => return Err(NoResult::Nothing),
                            None => {}
                        }
                    }
                    found.push(Value::map(merged));
                    Ok(())
                }
                names => names.iter().try_for_each(|name| self.walk_member(at, name, here, walk, found)),
            },
            Token::Wildcard => each_child(here, |child| match self.walk(at + 1, child, walk, found) {
                Err(NoResult::Nothing) if !walk.strict => Ok(()),
                walked => walked,
            }),
            Token::Indexes(indexes) => match here {
                Value::Array(items) => {
                    indexes.iter().try_for_each(|index| self.walk_item(at, *index, items, walk, found))
                }
                _ => missed,
            },
            Token::Slice(from, to) => match here {
                Value::Array(items) => {
                    slice(items.len(), *from, *to).try_for_each(|index| self.walk_item(at, index, items, walk, found))
                }
                _ => missed,
            },
            Token::Filter(filter) => match here {
                Value::Array(items) => items.iter().try_for_each(|item| {
                    if filter.accepts(item, walk.root)? { self.walk(at + 1, item, walk, found) } else { Ok(()) }
                }),
                object if is_object(object) => {
                    if filter.accepts(object, walk.root)? {
                        self.walk(at + 1, object, walk, found)
                    } else {
                        Ok(())
                    }
                }
                _ => missed,
            },
            Token::Scan => self.scan(at + 1, here, walk, found),
        }
    }

    fn walk_item(
        &self,
        at: usize,
        index: i64,
        items: &[Value],
        walk: &Walk<'_>,
        found: &mut Vec<Value>,
    ) -> Result<(), NoResult> {
        let index = if index < 0 { index + items.len() as i64 } else { index };
        match usize::try_from(index).ok().and_then(|index| items.get(index)) {
            Some(item) => self.walk(at + 1, item, walk, found),
            None => Ok(()),
        }
    }

    fn walk_member(
        &self,
        at: usize,
        name: &str,
        here: &Value,
        walk: &Walk<'_>,
        found: &mut Vec<Value>,
    ) -> Result<(), NoResult> {
        match member(here, name) {
            Some(value) => self.walk(at + 1, value, walk, found),
            None if walk.strict => Err(NoResult::Nothing),
            None if at + 1 == self.tokens.len() => Ok(()),
            // A definite way ends here; one that comes from several places goes on at the others.
            None if self.definite_before.get(at + 1).copied().unwrap_or(false) => Err(NoResult::Nothing),
            None => Ok(()),
        }
    }

    /// Tries the token at `at` on a value and on all that is in it.
    fn scan(&self, at: usize, here: &Value, walk: &Walk<'_>, found: &mut Vec<Value>) -> Result<(), NoResult> {
        let Some(token) = self.tokens.get(at) else { return Ok(()) };
        let fits = match token {
            Token::Properties(names) if names.len() == 1 || at + 1 == self.tokens.len() => {
                is_object(here) && names.iter().all(|name| member(here, name).is_some())
            }
            Token::Properties(_) => is_object(here),
            Token::Wildcard => true,
            Token::Indexes(_) | Token::Slice(..) => matches!(here, Value::Array(_)),
            Token::Filter(filter) => filter.accepts(here, walk.root)?,
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

/// The indexes of a slice. As in Java, those below zero count from the end only one by one.
fn slice(len: usize, from: Option<i64>, to: Option<i64>) -> std::ops::Range<i64> {
    let len = len as i64;
    match (from, to) {
        (Some(from), None) => (if from < 0 { len + from } else { from }).max(0)..len,
        (None, Some(to)) => 0..(if to < 0 { len + to } else { to }).min(len),
        (Some(from), Some(to)) => from.max(-len)..to.min(len),
        (None, None) => 0..len,
    }
}
