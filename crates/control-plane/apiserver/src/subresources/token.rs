//! `serviceaccounts/token`: see [`crate::service_account`], which makes the tokens.

pub(super) use crate::service_account::answer;
