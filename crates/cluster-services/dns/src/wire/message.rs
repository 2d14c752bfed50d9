//! Whole messages: decoding what comes, encoding answers that fit.

use std::collections::HashMap;

use super::{Data, Name, Record, kind, rcode};

const HEADER: usize = 12;
/// A pointer can only go back, so this many are more than any honest name has.
const POINTERS_MAX: usize = 64;
/// Compression points to the first 16 KiB only.
const POINTER_MAX: usize = 0x3fff;

const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const CHECKING_DISABLED: u16 = 0x0010;
const OPCODE: u16 = 0x7800;
/// The bit of the OPT record's TTL that asks for DNSSEC records.
const DNSSEC_OK: u32 = 0x8000;

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read a DNS message: {0}")]
pub(crate) struct WireError(&'static str);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// In the client's spelling.
    pub(crate) name: Name,
    pub(crate) kind: u16,
    pub(crate) class: u16,
}

/// EDNS(0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edns {
    pub(crate) size: u16,
    pub(crate) version: u8,
    pub(crate) wants_dnssec: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u16,
    flags: u16,
    pub(crate) code: u8,
    pub(crate) question: Option<Question>,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additional: Vec<Record>,
    pub(crate) edns: Option<Edns>,
}

impl Message {
    /// A question to an upstream server.
    pub(crate) fn query(id: u16, question: Question, edns: Option<Edns>) -> Self {
        Self {
            id,
            flags: RECURSION_DESIRED,
            code: rcode::NO_ERROR,
            question: Some(question),
            answers: Vec::new(),
            authorities: Vec::new(),
            additional: Vec::new(),
            edns,
        }
    }

    /// An empty answer to this message.
    pub(crate) fn reply(&self, code: u8) -> Self {
        let kept = OPCODE | RECURSION_DESIRED | CHECKING_DISABLED;
        Self {
            id: self.id,
            flags: RESPONSE | (self.flags & kept),
            code,
            question: self.question.clone(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additional: Vec::new(),
            edns: None,
        }
    }

    /// The same answer, for another message that asks the same.
    pub(crate) fn readdress(&mut self, to: &Self) {
        let kept = OPCODE | RECURSION_DESIRED | CHECKING_DISABLED;
        self.id = to.id;
        self.flags = (self.flags & !kept) | (to.flags & kept) | RESPONSE;
        self.question.clone_from(&to.question);
    }

    pub(crate) fn is_response(&self) -> bool {
        self.flags & RESPONSE != 0
    }

    /// An ordinary query.
    pub(crate) fn is_query(&self) -> bool {
        self.flags & (OPCODE | RESPONSE) == 0
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    pub(crate) fn checks_disabled(&self) -> bool {
        self.flags & CHECKING_DISABLED != 0
    }

    pub(crate) fn set_authoritative(&mut self) {
        self.flags |= AUTHORITATIVE;
    }

    /// Reads a message.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader { bytes, at: 0 };
        let id = reader.u16()?;
        let flags = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let mut question = None;
        for _ in 0..counts[0] {
            let asked = Question {
                name: reader.name()?,
                kind: reader.u16()?,
                class: reader.u16()?,
            };
            if question.replace(asked).is_some() {
                return Err(WireError("more than one question"));
            }
        }
        let mut message = Self {
            id,
            flags: flags & !0xf,
            code: u8::try_from(flags & 0xf).expect("four bits"),
            question,
            answers: Vec::new(),
            authorities: Vec::new(),
            additional: Vec::new(),
            edns: None,
        };
        for _ in 0..counts[1] {
            message.answers.push(reader.record()?);
        }
        for _ in 0..counts[2] {
            message.authorities.push(reader.record()?);
        }
        for _ in 0..counts[3] {
            let record = reader.record()?;
            if record.kind == kind::OPT {
                message.edns = Some(Edns {
                    size: record.class,
                    version: record.ttl.to_be_bytes()[1],
                    wants_dnssec: record.ttl & DNSSEC_OK != 0,
                });
            } else {
                message.additional.push(record);
            }
        }
        Ok(message)
    }

    /// Writes the message in at most `size` bytes: what does not fit is left out, and if that is
    /// more than additional records, the message says so.
    pub(crate) fn encode(&self, size: usize) -> Vec<u8> {
        const OPT_BYTES: usize = 11;
        let reserved = if self.edns.is_some() { OPT_BYTES } else { 0 };
        let mut writer = Writer {
            bytes: vec![0; HEADER],
            known: HashMap::new(),
        };
        if let Some(question) = &self.question {
            writer.name(&question.name, true);
            writer.u16(question.kind);
            writer.u16(question.class);
        }
        let limit = size.saturating_sub(reserved);
        let mut flags = self.flags | u16::from(self.code & 0xf);
        let answers = writer.section(&self.answers, limit);
        let authorities = writer.section(&self.authorities, limit);
        let mut additional = writer.section(&self.additional, limit);
        if usize::from(answers) < self.answers.len()
            || usize::from(authorities) < self.authorities.len()
        {
            flags |= TRUNCATED;
        }
        if let Some(edns) = self.edns {
            writer.bytes.push(0);
            writer.u16(kind::OPT);
            writer.u16(edns.size);
            let extended = u32::from(self.code >> 4) << 24;
            let dnssec = if edns.wants_dnssec { DNSSEC_OK } else { 0 };
            writer.u32(extended | dnssec);
            writer.u16(0);
            additional += 1;
        }
        let asked = u16::from(self.question.is_some());
        let header = [self.id, flags, asked, answers, authorities, additional];
        for (place, number) in writer.bytes.chunks_exact_mut(2).zip(header) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        writer.bytes
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let part = self.bytes.get(self.at..self.at + count);
        self.at += count;
        part.ok_or(WireError("it is cut short"))
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        let part = self.take(2)?;
        Ok(u16::from_be_bytes([part[0], part[1]]))
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        let part = self.take(4)?;
        Ok(u32::from_be_bytes([part[0], part[1], part[2], part[3]]))
    }

    fn name(&mut self) -> Result<Name, WireError> {
        const POINTER: u8 = 0xc0;
        let mut labels = Vec::new();
        let mut at = self.at;
        let mut is_away = false;
        for _ in 0..=POINTERS_MAX + 128 {
            let length = *self.bytes.get(at).ok_or(WireError("a name is cut short"))?;
            if length & POINTER == POINTER {
                let low = *self
                    .bytes
                    .get(at + 1)
                    .ok_or(WireError("a name is cut short"))?;
                let target = usize::from(u16::from_be_bytes([length & !POINTER, low]));
                if !is_away {
                    self.at = at + 2;
                }
                if target >= at {
                    return Err(WireError("a name points forward"));
                }
                is_away = true;
                at = target;
                continue;
            }
            if length & POINTER != 0 {
                return Err(WireError("a label is of an unknown kind"));
            }
            let end = at + 1 + usize::from(length);
            if length == 0 {
                if !is_away {
                    self.at = end;
                }
                return Name::from_labels(labels).ok_or(WireError("a name is too long"));
            }
            let label = self.bytes.get(at + 1..end);
            labels.push(label.ok_or(WireError("a name is cut short"))?);
            at = end;
        }
        Err(WireError("a name has no end"))
    }

    fn record(&mut self) -> Result<Record, WireError> {
        const PREFERENCE: usize = 2;
        const SERVICE: usize = 6;
        let name = self.name()?;
        let (kind, class, ttl) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let end = self.at + length;
        if end > self.bytes.len() {
            return Err(WireError("a record is cut short"));
        }
        let data = match kind {
            kind::CNAME | kind::NS | kind::PTR => Data::Name(self.name()?),
            kind::MX => Data::Prefixed(self.take(PREFERENCE)?.to_vec(), self.name()?),
            kind::SRV => Data::Prefixed(self.take(SERVICE)?.to_vec(), self.name()?),
            kind::SOA => {
                let (server, mailbox) = (self.name()?, self.name()?);
                let numbers = self.take(20)?.try_into().expect("twenty bytes");
                Data::Authority(server, mailbox, numbers)
            }
            _ => Data::Bytes(self.take(length)?.to_vec()),
        };
        if self.at != end {
            return Err(WireError("a record is not as long as it says"));
        }
        Ok(Record {
            name,
            kind,
            class,
            ttl,
            data,
        })
    }
}

struct Writer {
    bytes: Vec<u8>,
    /// Where names, and the ends of names, begin.
    known: HashMap<Vec<u8>, u16>,
}

impl Writer {
    fn u16(&mut self, number: u16) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn name(&mut self, name: &Name, may_compress: bool) {
        let bytes = name.as_bytes();
        let mut at = 0;
        while bytes[at] != 0 {
            let rest = &bytes[at..];
            if may_compress && let Some(target) = self.known.get(rest) {
                let pointer = 0xc000 | *target;
                return self.u16(pointer);
            }
            if self.bytes.len() <= POINTER_MAX {
                let here = u16::try_from(self.bytes.len()).expect("checked above");
                self.known.entry(rest.to_vec()).or_insert(here);
            }
            let next = at + 1 + usize::from(bytes[at]);
            self.bytes.extend_from_slice(&bytes[at..next]);
            at = next;
        }
        self.bytes.push(0);
    }

    /// Writes as many records as fit, and says how many.
    fn section(&mut self, records: &[Record], limit: usize) -> u16 {
        let mut written = 0;
        for record in records {
            let before = self.bytes.len();
            self.record(record);
            if self.bytes.len() > limit {
                self.bytes.truncate(before);
                self.known.retain(|_, at| usize::from(*at) < before);
                break;
            }
            written += 1;
        }
        written
    }

    fn record(&mut self, record: &Record) {
        self.name(&record.name, true);
        self.u16(record.kind);
        self.u16(record.class);
        self.u32(record.ttl);
        let start = self.bytes.len();
        self.u16(0);
        match &record.data {
            Data::Bytes(bytes) => self.bytes.extend_from_slice(bytes),
            Data::Name(name) => self.name(name, true),
            Data::Prefixed(bytes, name) => {
                self.bytes.extend_from_slice(bytes);
                // RFC 2782: the target of SRV is not compressed.
                self.name(name, record.kind != kind::SRV);
            }
            Data::Authority(server, mailbox, numbers) => {
                self.name(server, true);
                self.name(mailbox, true);
                self.bytes.extend_from_slice(numbers);
            }
        }
        let length = self.bytes.len() - start - 2;
        let length = u16::try_from(length).expect("data was as long when it was read");
        self.bytes[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }
}
