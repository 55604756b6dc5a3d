//! Reading a path.
//!
//! Counterpart: `com.jayway.jsonpath.internal.path.PathCompiler` and `…filter.FilterCompiler`.

use milena_api::config::compile_java_regex_whole;
use milena_api::data::{Map, Str, Value};

use super::filter::{Filter, Operand, Operator, PathOperand};
use super::function::Function;
use super::{JsonPath, Token};

/// Deeper nesting of brackets is refused.
const MAX_DEPTH: usize = 100;

/// Longer paths are refused: a walk goes as deep as its path is long.
const MAX_TOKENS: usize = 200;

type Parsed<T> = Result<T, String>;

pub(super) fn path(text: &str) -> Parsed<JsonPath> {
    let text = text.trim();
    let rooted;
    // A path that starts nowhere starts at the root.
    let text = if text.starts_with(['$', '@']) {
        text
    } else {
        rooted = format!("$.{text}");
        &rooted
    };
    if text.ends_with('.') {
        return Err("a path must not end with '.' or '..'".to_owned());
    }
    let mut reader = Reader { chars: text.chars().collect(), at: 1, depth: 0 };
    let path = reader.steps()?;
    match reader.peek() {
        None => Ok(path),
        Some(c) => Err(format!("unexpected '{c}' at character {} of {text}", reader.at + 1)),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: char) -> Parsed<()> {
        self.skip_blanks();
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(&format!("'{wanted}'"))) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.peek() {
            Some(c) => format!("{wanted} is expected instead of '{c}' at character {}", self.at + 1),
            None => format!("{wanted} is expected at the end"),
        }
    }

    /// What follows `$` or `@`, up to what is no part of a path.
    fn steps(&mut self) -> Parsed<JsonPath> {
        let (mut tokens, mut function) = (Vec::new(), None);
        loop {
            if tokens.len() > MAX_TOKENS {
                return Err(format!("the path has more than {MAX_TOKENS} steps"));
            }
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    if self.take('.') {
                        tokens.push(Token::Scan);
                        if self.peek() == Some('[') {
                            continue;
                        }
                    } else if self.peek() == Some('[') {
                        continue;
                    }
                    if self.take('*') {
                        tokens.push(Token::Wildcard);
                        continue;
                    }
                    let name = self.name()?;
                    if self.take('(') {
                        function = Some(self.function(&name)?);
                        break;
                    }
                    tokens.push(Token::Properties(vec![name]));
                }
                Some('[') => {
                    self.at += 1;
                    tokens.push(self.bracket()?);
                }
                _ => break,
            }
        }
        if matches!(tokens.last(), Some(Token::Scan)) {
            return Err("a path must not end with '..'".to_owned());
        }
        Ok(JsonPath::new(tokens, function))
    }

    fn name(&mut self) -> Parsed<String> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if matches!(c, '.' | '[' | '(' | ')' | ' ' | '=' | '<' | '>' | '~' | '!' | '&' | '|' | ',') {
                break;
            }
            name.push(c);
            self.at += 1;
        }
        if name.is_empty() { Err(self.unexpected("a name")) } else { Ok(name) }
    }

    fn function(&mut self, name: &str) -> Parsed<Function> {
        self.skip_blanks();
        if !self.take(')') {
            return Err(format!("the function {name} is used with arguments, which are not supported"));
        }
        Function::of(name).ok_or_else(|| format!("there is no function {name}"))
    }

    /// What stands in brackets, the first of which has been read.
    fn bracket(&mut self) -> Parsed<Token> {
        self.skip_blanks();
        let token = match self.peek() {
            Some('*') => {
                self.at += 1;
                Token::Wildcard
            }
            Some('\'' | '"') => {
                let mut names = vec![self.quoted()?];
                self.skip_blanks();
                while self.take(',') {
                    self.skip_blanks();
                    names.push(self.quoted()?);
                    self.skip_blanks();
                }
                Token::Properties(names)
            }
            Some('?') => Token::Filter(self.filters()?),
            _ => self.indexes()?,
        };
        self.expect(']')?;
        Ok(token)
    }

    fn indexes(&mut self) -> Parsed<Token> {
        let first = self.integer()?;
        self.skip_blanks();
        if self.take(':') {
            let second = self.integer()?;
            if first.is_none() && second.is_none() {
                return Err("a slice needs a bound".to_owned());
            }
            return Ok(Token::Slice(first, second));
        }
        let mut indexes = vec![first.ok_or_else(|| self.unexpected("a name in quotes, an index, '*' or a filter"))?];
        self.skip_blanks();
        while self.take(',') {
            indexes.push(self.integer()?.ok_or_else(|| self.unexpected("an index"))?);
            self.skip_blanks();
        }
        Ok(Token::Indexes(indexes))
    }

    fn integer(&mut self) -> Parsed<Option<i64>> {
        self.skip_blanks();
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_digit() || (*c == '-' && text.is_empty())) {
            text.push(c);
            self.at += 1;
        }
        if text.is_empty() {
            return Ok(None);
        }
        // As an index of Java.
        text.parse::<i32>().map(|index| Some(i64::from(index))).map_err(|_| format!("{text} is no index"))
    }

    /// A text in single or double quotes.
    fn quoted(&mut self) -> Parsed<String> {
        let Some(quote @ ('\'' | '"')) = self.next() else {
            self.at = self.at.saturating_sub(1);
            return Err(self.unexpected("a text in quotes"));
        };
        let mut text = Vec::new();
        loop {
            let c = self.next().ok_or("a quote is not closed")?;
            if c == quote {
                break;
            }
            let mut units = [0; 2];
            if c != '\\' {
                text.extend_from_slice(c.encode_utf16(&mut units));
                continue;
            }
            let unit = match self.next().ok_or("a quote is not closed")? {
                'n' => u16::from(b'\n'),
                't' => u16::from(b'\t'),
                'r' => u16::from(b'\r'),
                'b' => 8,
                'f' => 12,
                'u' => {
                    let digits: String = (0..4).filter_map(|_| self.next()).collect();
                    u16::from_str_radix(&digits, 16).map_err(|_| format!("\\u{digits} is no character"))?
                }
                other => {
                    text.extend_from_slice(other.encode_utf16(&mut units));
                    continue;
                }
            };
            text.push(unit);
        }
        Ok(String::from_utf16_lossy(&text))
    }

    /// `?(…)`, or several with commas between, which are to be met together.
    fn filters(&mut self) -> Parsed<Filter> {
        let mut filters = Vec::new();
        loop {
            self.expect('?')?;
            self.expect('(')?;
            filters.push(self.any()?);
            self.expect(')')?;
            self.skip_blanks();
            if !self.take(',') {
                return Ok(Filter::all(filters));
            }
        }
    }

    fn any(&mut self) -> Parsed<Filter> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("conditions are nested too deeply".to_owned());
        }
        let mut filters = vec![self.all()?];
        while self.takes_twice('|') {
            filters.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
    }

    fn all(&mut self) -> Parsed<Filter> {
        let mut filters = vec![self.condition()?];
        while self.takes_twice('&') {
            filters.push(self.condition()?);
        }
        Ok(Filter::all(filters))
    }

    fn takes_twice(&mut self, c: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(c) && self.chars.get(self.at + 1) == Some(&c);
        self.at += 2 * usize::from(found);
        found
    }

    fn condition(&mut self) -> Parsed<Filter> {
        self.skip_blanks();
        if self.take('(') {
            let inner = self.any()?;
            self.expect(')')?;
            return Ok(inner);
        }
        let mut expected = true;
        if self.take('!') {
            self.skip_blanks();
            if matches!(self.peek(), Some('(' | '!')) {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("conditions are nested too deeply".to_owned());
                }
                let inner = self.condition()?;
                self.depth -= 1;
                return Ok(Filter::Not(Box::new(inner)));
            }
            expected = false;
        }
        let left = self.operand()?;
        self.skip_blanks();
        match (self.peek(), left) {
            (None | Some(')' | '&' | '|'), Operand::Path(path)) => Ok(Filter::Exists(path, expected)),
            (None | Some(')' | '&' | '|'), _) => Err(self.unexpected("an operator")),
            (_, left) => {
                let operator = self.operator()?;
                self.skip_blanks();
                let right = self.operand()?;
                Ok(Filter::Compare(left, operator, right))
            }
        }
    }

    fn operator(&mut self) -> Parsed<Operator> {
        let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '~' | '!');
        let signs = self.peek().is_some_and(is_sign);
        let start = self.at;
        while self.peek().is_some_and(|c| if signs { is_sign(c) } else { !c.is_whitespace() && c != '[' }) {
            self.at += 1;
        }
        let text: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
        Operator::of(&text).ok_or_else(|| format!("there is no operator '{text}'"))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        match self.peek() {
            Some(start @ ('@' | '$')) => {
                self.at += 1;
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("conditions are nested too deeply".to_owned());
                }
                let path = self.steps()?;
                self.depth -= 1;
                Ok(Operand::Path(PathOperand { path, from_root: start == '$' }))
            }
            Some('/') => self.pattern(),
            _ => self.literal().map(Operand::Literal),
        }
    }

    /// `/…/` and the flags behind it.
    fn pattern(&mut self) -> Parsed<Operand> {
        self.at += 1;
        let (mut pattern, mut flags) = (String::new(), String::new());
        loop {
            match self.next().ok_or("a pattern is not closed")? {
                '/' => break,
                '\\' if self.peek() == Some('/') => {
                    self.at += 1;
                    pattern.push('/');
                }
                '\\' => {
                    pattern.push('\\');
                    pattern.extend(self.next());
                }
                c => pattern.push(c),
            }
        }
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphabetic()) {
            flags.push(c);
            self.at += 1;
        }
        if !flags.is_empty() {
            pattern = format!("(?{flags}){pattern}");
        }
        compile_java_regex_whole(&pattern).map(Operand::Pattern).map_err(|why| format!("bad pattern {pattern}: {why}"))
    }

    fn literal(&mut self) -> Parsed<Value> {
        self.skip_blanks();
        match self.peek() {
            Some('\'' | '"') => self.quoted().map(Value::from),
            Some('[') => {
                self.at += 1;
                self.list(']', |reader, items: &mut Vec<Value>| {
                    items.push(reader.literal()?);
                    Ok(())
                })
                .map(Value::array)
            }
            Some('{') => {
                self.at += 1;
                let members = self.list('}', |reader, members: &mut Vec<(String, Value)>| {
                    reader.skip_blanks();
                    let name = reader.quoted()?;
                    reader.expect(':')?;
                    members.push((name, reader.literal()?));
                    Ok(())
                })?;
                let members = members.into_iter().map(|(name, value)| (Value::Str(Str::from(name)), value));
                Ok(Value::map(members.collect::<Map>()))
            }
            _ => self.word(),
        }
    }

    fn list<T: Default>(&mut self, end: char, mut item: impl FnMut(&mut Self, &mut T) -> Parsed<()>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("literals are nested too deeply".to_owned());
        }
        let mut items = T::default();
        self.skip_blanks();
        while !self.take(end) {
            item(self, &mut items)?;
            self.skip_blanks();
            if !self.take(',') && self.peek() != Some(end) {
                return Err(self.unexpected("','"));
            }
            self.skip_blanks();
        }
        self.depth -= 1;
        Ok(items)
    }

    /// A number, a boolean or null.
    fn word(&mut self) -> Parsed<Value> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')) {
            self.at += 1;
        }
        let word: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
        match word.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "null" => Ok(Value::Null),
            "" => Err(self.unexpected("a value")),
            number if number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.')) => {
                match (number.parse::<i64>(), number.parse::<f64>()) {
                    (Ok(number), _) => Ok(Value::I64(number)),
                    (Err(_), Ok(number)) if number.is_finite() => Ok(Value::F64(number)),
                    _ => Err(format!("{number} is no number")),
                }
            }
            other => Err(format!("'{other}' is no value; texts stand in quotes")),
        }
    }
}
