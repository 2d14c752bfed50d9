//! `serviceaccounts/token`: a token that is bound to an object and to a time.

use styr_meta::Status;

use crate::body::Response;
use crate::handlers::Scope;
use crate::inbound::Inbound;

pub(super) async fn answer(_inbound: Inbound, _scope: Scope) -> Result<Response, Status> {
    Err(crate::plugins::token_not_implemented())
}
