//! Bootstrap tokens: what a node shows to be let in.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>.

use rand::Rng as _;

/// Letters and digits that a token is made of.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// `id.secret`, 6 and 16 characters.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// Public part; names the secret in kube-system.
    pub(crate) id: String,
    /// Secret part.
    pub(crate) secret: String,
    /// When it ends, RFC 3339.
    pub(crate) expiration: String,
}

impl Token {
    /// A new token out of the system's random numbers.
    pub(crate) fn new(expiration: String) -> Self {
        Self {
            id: random(6),
            secret: random(16),
            expiration,
        }
    }

    /// As a bearer token.
    pub(crate) fn bearer(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

fn random(length: usize) -> String {
    let mut source = rand::rng();
    (0..length)
        .map(|_| char::from(ALPHABET[source.random_range(0..ALPHABET.len())]))
        .collect()
}
