//! Resource records.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{INTERNET, Name, kind};

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: Name,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

/// What a record says. Names are kept apart from bytes, because they may be compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// Anything without names in it.
    Bytes(Vec<u8>),
    /// A name alone: CNAME, NS, PTR, DNAME.
    Name(Name),
    /// Bytes, then a name: MX and SRV.
    Prefixed(Vec<u8>, Name),
    /// Two names, then bytes: SOA.
    Authority(Name, Name, [u8; 20]),
}

impl Record {
    fn new(name: Name, kind: u16, ttl: u32, data: Data) -> Self {
        Self {
            name,
            kind,
            class: INTERNET,
            ttl,
            data,
        }
    }

    pub(crate) fn a(name: Name, ttl: u32, ip: Ipv4Addr) -> Self {
        Self::new(name, kind::A, ttl, Data::Bytes(ip.octets().to_vec()))
    }

    pub(crate) fn aaaa(name: Name, ttl: u32, ip: Ipv6Addr) -> Self {
        Self::new(name, kind::AAAA, ttl, Data::Bytes(ip.octets().to_vec()))
    }

    /// CNAME, NS or PTR.
    pub(crate) fn pointer(name: Name, kind: u16, ttl: u32, target: Name) -> Self {
        Self::new(name, kind, ttl, Data::Name(target))
    }

    pub(crate) fn srv(name: Name, ttl: u32, (weight, port): (u16, u16), target: Name) -> Self {
        let [weight, port] = [weight.to_be_bytes(), port.to_be_bytes()];
        let prefix = vec![0, 0, weight[0], weight[1], port[0], port[1]];
        Self::new(name, kind::SRV, ttl, Data::Prefixed(prefix, target))
    }

    /// A TXT record of one short text.
    pub(crate) fn txt(name: Name, ttl: u32, text: &str) -> Self {
        const TEXT_MAX: usize = 255;
        let text = &text.as_bytes()[..text.len().min(TEXT_MAX)];
        let mut data = vec![u8::try_from(text.len()).expect("cut above")];
        data.extend_from_slice(text);
        Self::new(name, kind::TXT, ttl, Data::Bytes(data))
    }

    pub(crate) fn soa(name: Name, ttl: u32, names: (Name, Name), numbers: [u32; 5]) -> Self {
        let mut bytes = [0; 20];
        for (place, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        let data = Data::Authority(names.0, names.1, bytes);
        Self::new(name, kind::SOA, ttl, data)
    }

    /// How long a negative answer with this SOA may be kept: RFC 2308.
    pub(crate) fn negative_ttl(&self) -> Option<u32> {
        let Data::Authority(_, _, bytes) = &self.data else {
            return None;
        };
        let minimum = u32::from_be_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
        Some(minimum.min(self.ttl))
    }
}
