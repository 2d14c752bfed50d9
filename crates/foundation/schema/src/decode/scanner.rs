//! The bytes of a JSON document: white space, texts, numbers, and untyped values.

use serde_json::{Map, Number, Value};

use super::DecodeError;

/// As deep may values be nested: far more than any object, and no danger to the stack.
const DEPTH_MAX: usize = 400;

/// A place in a document.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
        }
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    pub(crate) fn skip(&mut self) {
        self.at += 1;
    }

    /// An error about the next byte.
    pub(crate) fn unexpected<T>(&self, context: &str) -> Result<T, DecodeError> {
        let Some(rest) = self.bytes.get(self.at..).filter(|rest| !rest.is_empty()) else {
            return Err(DecodeError::Syntax(
                "unexpected end of JSON input".to_owned(),
            ));
        };
        // Go's scanner looks at single bytes.
        let quoted = match rest[0] {
            b'\'' => r"'\''".to_owned(),
            b'"' => "'\"'".to_owned(),
            byte => {
                let text = styr_meta::field::quoted(&char::from(byte).to_string());
                format!("'{}'", &text[1..text.len() - 1])
            }
        };
        Err(DecodeError::Syntax(format!(
            "invalid character {quoted} {context}"
        )))
    }

    /// Goes one level down.
    pub(crate) fn descend(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(DecodeError::Syntax("exceeded max depth".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// Nothing may follow the value.
    pub(crate) fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.unexpected("after top-level value"),
        }
    }

    /// Inside an object: the next name, or nothing at its end.
    pub(crate) fn key(&mut self, first: bool) -> Result<Option<String>, DecodeError> {
        match self.peek() {
            Some(b'}') if first => {
                self.skip();
                return Ok(None);
            }
            Some(b'}') => {
                self.skip();
                return Ok(None);
            }
            Some(b',') if !first => self.skip(),
            _ if !first => return self.unexpected("after object key:value pair"),
            _ => {}
        }
        if self.peek() != Some(b'"') {
            return self.unexpected("looking for beginning of object key string");
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return self.unexpected("after object key");
        }
        self.skip();
        Ok(Some(key))
    }

    /// Inside a list: whether another item follows.
    pub(crate) fn item(&mut self, first: bool) -> Result<bool, DecodeError> {
        match self.peek() {
            Some(b']') => {
                self.skip();
                Ok(false)
            }
            Some(b',') if !first => {
                self.skip();
                Ok(true)
            }
            _ if !first => self.unexpected("after array element"),
            _ => Ok(true),
        }
    }

    /// One of the words `null`, `true`, `false`.
    pub(crate) fn word(&mut self, word: &str) -> Result<(), DecodeError> {
        for expected in word.bytes() {
            if self.bytes.get(self.at) != Some(&expected) {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return self.unexpected(&context);
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The text of a number.
    pub(crate) fn number(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.unexpected("in numeric literal"),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if !self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
                return self.unexpected("after decimal point in numeric literal");
            }
            self.digits();
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
                return self.unexpected("in exponent of numeric literal");
            }
            self.digits();
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]);
        Ok(text.expect("digits, signs and points are ASCII"))
    }

    fn digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    /// A text; the next byte is its quote.
    pub(crate) fn string(&mut self) -> Result<String, DecodeError> {
        self.at += 1;
        let start = self.at;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(raw).into_owned());
                }
                b'\\' => return self.escaped(start),
                0..0x20 => return self.unexpected("in string literal"),
                _ => self.at += 1,
            }
        }
        self.unexpected("")
    }

    fn escaped(&mut self, start: usize) -> Result<String, DecodeError> {
        let mut text = self.bytes[start..self.at].to_vec();
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => return Ok(String::from_utf8_lossy(&text).into_owned()),
                b'\\' => {
                    let c = self.escape()?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => {
                    self.at -= 1;
                    return self.unexpected("in string literal");
                }
                byte => text.push(byte),
            }
        }
        self.unexpected("")
    }

    fn escape(&mut self) -> Result<char, DecodeError> {
        let Some(&byte) = self.bytes.get(self.at) else {
            return self.unexpected("");
        };
        let c = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.unexpected("in string escape code"),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, DecodeError> {
        let first = self.hex()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        // The first half of a pair; alone it stands for nothing.
        if first < 0xdc00 && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, DecodeError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .bytes
                .get(self.at)
                .and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else {
                return self.unexpected("in \\u hexadecimal character escape");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Any value, untyped.
    pub(crate) fn value(&mut self) -> Result<Value, DecodeError> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(untyped_number),
            _ => self.unexpected("looking for beginning of value"),
        }
    }

    fn object(&mut self) -> Result<Value, DecodeError> {
        self.skip();
        self.descend()?;
        let mut map = Map::new();
        let mut first = true;
        while let Some(key) = self.key(first)? {
            first = false;
            let value = self.value()?;
            map.insert(key, value);
        }
        self.ascend();
        Ok(Value::Object(map))
    }

    fn array(&mut self) -> Result<Value, DecodeError> {
        self.skip();
        self.descend()?;
        let mut items = Vec::new();
        while self.item(items.is_empty())? {
            items.push(self.value()?);
        }
        self.ascend();
        Ok(Value::Array(items))
    }
}

/// Whole numbers stay whole, as far as 64 bits go.
fn untyped_number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    let float = text.parse::<f64>().ok().and_then(Number::from_f64);
    float.map_or(Value::Null, Value::Number)
}
