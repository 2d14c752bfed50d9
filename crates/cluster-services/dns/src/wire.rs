//! The DNS message format, RFC 1035 with EDNS(0) of RFC 6891.
//!
//! Messages are decoded whole, so that every part of the chain works on records; names inside
//! data are kept as names and written again with compression where the RFC allows it.

mod message;
mod name;
mod record;

pub(crate) use message::{Edns, Message, Question};
pub(crate) use name::Name;
pub(crate) use record::{Data, Record};

/// Record types that the chain knows by name.
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const NS: u16 = 2;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const HINFO: u16 = 13;
    pub(crate) const MX: u16 = 15;
    pub(crate) const TXT: u16 = 16;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const SRV: u16 = 33;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const AXFR: u16 = 252;
    pub(crate) const IXFR: u16 = 251;

    /// The type's name, for logs and metrics.
    pub(crate) fn name(kind: u16) -> &'static str {
        match kind {
            A => "A",
            NS => "NS",
            CNAME => "CNAME",
            SOA => "SOA",
            PTR => "PTR",
            MX => "MX",
            TXT => "TXT",
            AAAA => "AAAA",
            SRV => "SRV",
            _ => "other",
        }
    }
}

/// Response codes.
pub(crate) mod rcode {
    pub(crate) const NO_ERROR: u8 = 0;
    pub(crate) const FORMAT_ERROR: u8 = 1;
    pub(crate) const SERVER_FAILURE: u8 = 2;
    pub(crate) const NAME_ERROR: u8 = 3;
    pub(crate) const NOT_IMPLEMENTED: u8 = 4;
    pub(crate) const REFUSED: u8 = 5;

    /// The code's name, for logs and metrics.
    pub(crate) fn name(code: u8) -> &'static str {
        match code {
            NO_ERROR => "NOERROR",
            FORMAT_ERROR => "FORMERR",
            SERVER_FAILURE => "SERVFAIL",
            NAME_ERROR => "NXDOMAIN",
            NOT_IMPLEMENTED => "NOTIMP",
            REFUSED => "REFUSED",
            _ => "other",
        }
    }
}

/// The class Internet.
pub(crate) const INTERNET: u16 = 1;

#[cfg(test)]
mod tests;
