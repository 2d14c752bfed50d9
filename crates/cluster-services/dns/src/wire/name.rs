//! Domain names, as they stand in messages: labels with their lengths, ending with the root.

use std::fmt;
use std::str::FromStr;

/// RFC 1035: a label.
const LABEL_MAX: usize = 63;
/// RFC 1035: a name, with lengths and root.
const NAME_MAX: usize = 255;

/// A full name. Compared byte by byte: see [`Name::to_lowercase`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(Vec<u8>);

/// A text that is no name.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a domain name")]
pub(crate) struct NameError(String);

impl Name {
    /// The root.
    pub(crate) fn root() -> Self {
        Self(vec![0])
    }

    /// From labels; `None` if one is empty or too long, or all together are.
    pub(crate) fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut bytes = Vec::with_capacity(64);
        for label in labels {
            let length = u8::try_from(label.len()).ok()?;
            if label.is_empty() || label.len() > LABEL_MAX {
                return None;
            }
            bytes.push(length);
            bytes.extend_from_slice(label);
        }
        bytes.push(0);
        (bytes.len() <= NAME_MAX).then_some(Self(bytes))
    }

    /// The labels, most special first.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let length = usize::from(*length);
            if length == 0 {
                return None;
            }
            let (label, tail) = tail.split_at(length);
            rest = tail;
            Some(label)
        })
    }

    /// As it goes over the wire, without compression.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form in which names are compared.
    pub(crate) fn to_lowercase(&self) -> Self {
        // Lengths are below 64 and no letters, so they stay.
        Self(self.0.to_ascii_lowercase())
    }

    /// Whether this is `zone` or lies below it. Both must be in lower case.
    pub(crate) fn is_within(&self, zone: &Self) -> bool {
        self.below(zone).is_some()
    }

    /// The labels before `zone`, if this lies in it. Both must be in lower case.
    pub(crate) fn below(&self, zone: &Self) -> Option<Vec<&str>> {
        let own: Vec<&[u8]> = self.labels().collect();
        let count = own.len().checked_sub(zone.labels().count())?;
        if !own[count..].iter().copied().eq(zone.labels()) {
            return None;
        }
        // What is no text cannot be the name of anything in a cluster.
        let texts = own[..count].iter().copied().map(str::from_utf8);
        Some(texts.map(|text| text.unwrap_or("\u{0}")).collect())
    }

    /// The number of labels.
    pub(crate) fn depth(&self) -> usize {
        self.labels().count()
    }

    /// `labels` put before this name.
    pub(crate) fn child(&self, labels: &[&str]) -> Option<Self> {
        let before = labels.iter().map(|label| label.as_bytes());
        Self::from_labels(before.chain(self.labels()))
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let trimmed = text.strip_suffix('.').unwrap_or(text);
        if trimmed.is_empty() {
            return Ok(Self::root());
        }
        Self::from_labels(trimmed.split('.').map(str::as_bytes))
            .ok_or_else(|| NameError(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == [0] {
            return f.write_str(".");
        }
        for label in self.labels() {
            write!(f, "{}.", label.escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
