//! The Corefile's syntax: server blocks with directives, which may have blocks of their own.
//!
//! Knows no plugins. Quotes, comments and environment variables are CoreDNS' own; `import` and
//! snippets are refused.

use std::fmt;

/// What is wrong, and where.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Corefile line {line}: {what}")]
pub(crate) struct CorefileError {
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl CorefileError {
    pub(crate) fn new(line: usize, what: impl fmt::Display) -> Self {
        let what = what.to_string();
        Self { line, what }
    }
}

/// Zones, and what answers for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerBlock {
    pub(crate) line: usize,
    /// Such as `.:53`.
    pub(crate) keys: Vec<String>,
    pub(crate) directives: Vec<Directive>,
}

/// A line, with its block if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) block: Vec<Self>,
}

impl Directive {
    /// An error at this directive, which names it.
    pub(crate) fn error(&self, what: impl fmt::Display) -> CorefileError {
        CorefileError::new(self.line, format_args!("{}: {what}", self.name))
    }

    /// An error unless the number of arguments is right.
    pub(crate) fn expect_arguments(&self, count: usize) -> Result<(), CorefileError> {
        if self.arguments.len() == count {
            return Ok(());
        }
        let found = self.arguments.len();
        Err(self.error(format_args!("wants {count} arguments, has {found}")))
    }

    /// An error if there is a block.
    pub(crate) fn expect_no_block(&self) -> Result<(), CorefileError> {
        match self.block.first() {
            None => Ok(()),
            Some(first) => Err(first.error(format_args!("unknown property of {}", self.name))),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
    is_quoted: bool,
}

/// Reads a Corefile.
pub(crate) fn parse(text: &str) -> Result<Vec<ServerBlock>, CorefileError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, at: 0 };
    let mut blocks = Vec::new();
    while let Some(first) = parser.peek().cloned() {
        if first.text == "import" || first.text.starts_with('(') {
            let what = format!("{} is not implemented", first.text);
            return Err(CorefileError::new(first.line, what));
        }
        let mut keys = Vec::new();
        while let Some(token) = parser.next() {
            if token.text == "{" && !token.is_quoted {
                break;
            }
            let key = token.text.trim_end_matches(',');
            keys.extend(
                key.split(',')
                    .filter(|key| !key.is_empty())
                    .map(str::to_owned),
            );
        }
        if keys.is_empty() {
            return Err(CorefileError::new(
                first.line,
                "a server block without a zone",
            ));
        }
        blocks.push(ServerBlock {
            line: first.line,
            keys,
            directives: parser.directives(first.line)?,
        });
    }
    Ok(blocks)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// The directives up to the closing brace.
    fn directives(&mut self, opened: usize) -> Result<Vec<Directive>, CorefileError> {
        let mut directives = Vec::new();
        loop {
            let Some(first) = self.next() else {
                return Err(CorefileError::new(opened, "the block has no end"));
            };
            if first.text == "}" && !first.is_quoted {
                return Ok(directives);
            }
            let mut directive = Directive {
                line: first.line,
                name: first.text,
                arguments: Vec::new(),
                block: Vec::new(),
            };
            while let Some(token) = self.peek() {
                if token.line != first.line || (token.text == "}" && !token.is_quoted) {
                    break;
                }
                let token = self.next().expect("peeked at");
                if token.text == "{" && !token.is_quoted {
                    directive.block = self.directives(token.line)?;
                    break;
                }
                directive.arguments.push(token.text);
            }
            directives.push(directive);
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, CorefileError> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    let mut line = 1;
    while let Some(character) = characters.next() {
        match character {
            '\n' => line += 1,
            '#' => while characters.next_if(|next| *next != '\n').is_some() {},
            '"' => {
                let start = line;
                let mut quoted = String::new();
                loop {
                    match characters.next() {
                        None => return Err(CorefileError::new(start, "a quote has no end")),
                        Some('"') => break,
                        Some('\\') if characters.peek() == Some(&'"') => {
                            quoted.extend(characters.next());
                        }
                        Some(other) => {
                            line += usize::from(other == '\n');
                            quoted.push(other);
                        }
                    }
                }
                tokens.push(Token {
                    line: start,
                    text: expand(&quoted),
                    is_quoted: true,
                });
            }
            blank if blank.is_whitespace() => {}
            first => {
                let mut word = String::from(first);
                while let Some(next) = characters.next_if(|next| !next.is_whitespace()) {
                    word.push(next);
                }
                tokens.push(Token {
                    line,
                    text: expand(&word),
                    is_quoted: false,
                });
            }
        }
    }
    Ok(tokens)
}

/// Puts the values of environment variables in the place of `{$NAME}` and `{%NAME%}`.
fn expand(word: &str) -> String {
    let mut text = word.to_owned();
    for (open, close) in [("{$", "}"), ("{%", "%}")] {
        while let Some(start) = text.find(open) {
            let Some(length) = text[start..].find(close) else {
                break;
            };
            let name = &text[start + open.len()..start + length];
            let value = std::env::var(name).unwrap_or_default();
            text.replace_range(start..start + length + close.len(), &value);
        }
    }
    text
}

#[cfg(test)]
mod tests;
