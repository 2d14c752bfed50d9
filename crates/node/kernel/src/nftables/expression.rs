//! What rules are made of. An expression loads a register, tests one, or acts.
//!
//! Registers are four bytes each, numbered from 0 to 15; longer values take several. A rule ends
//! without effect at the first test that fails.

use crate::netlink::Message;

/// One step of a rule.
#[derive(Debug, Clone)]
pub struct Expression {
    pub(super) name: &'static str,
    pub(super) attributes: Message,
}

/// A register of four bytes, 0 to 15.
pub type Register = u8;

const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const VERDICT_CHAIN: u16 = 2;

const DROP: u32 = 0;
const ACCEPT: u32 = 1;
/// Minus three, as the kernel counts its own verdicts.
const JUMP: u32 = 0xffff_fffd;
const GOTO: u32 = 0xffff_fffc;
const RETURN: u32 = 0xffff_fffb;

/// `ct status`: the destination was translated.
pub const STATUS_DNAT: u32 = 1 << 5;
/// `ct state`: a connection that is not established yet.
pub const STATE_NEW: u32 = 1 << 3;
/// `fib ... type`: an address of this machine.
pub const TYPE_LOCAL: u32 = 2;

fn build(name: &'static str, fill: impl FnOnce(&mut Message)) -> Expression {
    let mut attributes = Message::part();
    fill(&mut attributes);
    Expression { name, attributes }
}

fn number(register: Register) -> u32 {
    const FIRST_OF_FOUR_BYTES: u32 = 8;
    FIRST_OF_FOUR_BYTES + u32::from(register)
}

fn payload(base: u32, offset: u32, length: u32, to: Register) -> Expression {
    build("payload", |part| {
        part.put_be32(1, number(to));
        part.put_be32(2, base);
        part.put_be32(3, offset);
        part.put_be32(4, length);
    })
}

/// Loads the IPv4 source address.
pub fn ipv4_source(to: Register) -> Expression {
    payload(1, 12, 4, to)
}

/// Loads the IPv4 destination address.
pub fn ipv4_destination(to: Register) -> Expression {
    payload(1, 16, 4, to)
}

/// Loads the destination port of TCP, UDP or SCTP.
pub fn destination_port(to: Register) -> Expression {
    payload(2, 2, 2, to)
}

fn meta(key: u32, to: Register) -> Expression {
    build("meta", |part| {
        part.put_be32(1, number(to));
        part.put_be32(2, key);
    })
}

/// Loads the number of the transport protocol.
pub fn transport_protocol(to: Register) -> Expression {
    meta(16, to)
}

/// Loads the packet's mark.
pub fn mark(to: Register) -> Expression {
    meta(3, to)
}

/// Loads the name of the link that the packet came in by: 16 bytes, four registers.
pub fn input_name(to: Register) -> Expression {
    meta(6, to)
}

/// Loads the name of the link that the packet goes out by: 16 bytes, four registers.
pub fn output_name(to: Register) -> Expression {
    meta(7, to)
}

/// Sets the packet's mark.
pub fn set_mark(from: Register) -> Expression {
    build("meta", |part| {
        part.put_be32(2, 3);
        part.put_be32(3, number(from));
    })
}

/// Loads the state of the connection, a set of bits such as [`STATE_NEW`].
pub fn connection_state(to: Register) -> Expression {
    connection(0, to)
}

/// Loads the status of the connection, a set of bits such as [`STATUS_DNAT`].
pub fn connection_status(to: Register) -> Expression {
    connection(2, to)
}

fn connection(key: u32, to: Register) -> Expression {
    build("ct", |part| {
        part.put_be32(1, number(to));
        part.put_be32(2, key);
    })
}

/// Loads the IPv4 address that the connection came from, before any translation.
pub fn original_ipv4_source(to: Register) -> Expression {
    original(19, to)
}

/// Loads the IPv4 address that the connection was meant for, before any translation.
pub fn original_ipv4_destination(to: Register) -> Expression {
    original(20, to)
}

/// Loads the port that the connection was meant for, before any translation.
pub fn original_destination_port(to: Register) -> Expression {
    original(12, to)
}

fn original(key: u32, to: Register) -> Expression {
    const ORIGINAL: u8 = 0;
    build("ct", |part| {
        part.put_be32(1, number(to));
        part.put_be32(2, key);
        part.put(3, &[ORIGINAL]);
    })
}

/// Loads what the packet's destination is to this machine, such as [`TYPE_LOCAL`].
pub fn destination_type(to: Register) -> Expression {
    const BY_DESTINATION: u32 = 1 << 1;
    const RESULT_TYPE: u32 = 3;
    build("fib", |part| {
        part.put_be32(1, number(to));
        part.put_be32(2, RESULT_TYPE);
        part.put_be32(3, BY_DESTINATION);
    })
}

/// Loads a random number below `modulus`.
pub fn random(modulus: u32, to: Register) -> Expression {
    const RANDOM: u32 = 1;
    build("numgen", |part| {
        part.put_be32(1, number(to));
        part.put_be32(2, modulus);
        part.put_be32(3, RANDOM);
        part.put_be32(4, 0);
    })
}

/// Loads a constant.
pub fn constant(value: &[u8], to: Register) -> Expression {
    build("immediate", |part| {
        part.put_be32(1, number(to));
        part.nest(2, |data| data.put(DATA_VALUE, value));
    })
}

/// Keeps the bits of `mask` and turns those of `flip`.
pub fn bits(register: Register, mask: u32, flip: u32) -> Expression {
    build("bitwise", |part| {
        part.put_be32(1, number(register));
        part.put_be32(2, number(register));
        part.put_be32(3, 4);
        part.nest(4, |data| data.put(DATA_VALUE, &mask.to_ne_bytes()));
        part.nest(5, |data| data.put(DATA_VALUE, &flip.to_ne_bytes()));
    })
}

/// Goes on only if the register equals `value`.
pub fn equals(register: Register, value: &[u8]) -> Expression {
    compare(register, 0, value)
}

/// Goes on only if the register differs from `value`.
pub fn differs(register: Register, value: &[u8]) -> Expression {
    compare(register, 1, value)
}

fn compare(register: Register, operation: u32, value: &[u8]) -> Expression {
    build("cmp", |part| {
        part.put_be32(1, number(register));
        part.put_be32(2, operation);
        part.nest(3, |data| data.put(DATA_VALUE, value));
    })
}

/// Goes on only if the key that begins at `from` is in the set.
pub fn is_in(set: &str, from: Register) -> Expression {
    build("lookup", |part| {
        part.put_text(1, set);
        part.put_be32(2, number(from));
    })
}

/// Goes on only if the key that begins at `from` is not in the set.
pub fn is_not_in(set: &str, from: Register) -> Expression {
    const INVERSE: u32 = 1;
    build("lookup", |part| {
        part.put_text(1, set);
        part.put_be32(2, number(from));
        part.put_be32(5, INVERSE);
    })
}

/// Loads the data of the key that begins at `from`; goes on only if the map has it.
pub fn look_up(map: &str, from: Register, to: Register) -> Expression {
    build("lookup", |part| {
        part.put_text(1, map);
        part.put_be32(2, number(from));
        part.put_be32(3, number(to));
    })
}

/// Writes the key that begins at `key` with the data that begins at `data` into a dynamic map, or
/// renews its time there.
pub fn remember(map: &str, key: Register, data: Register) -> Expression {
    const UPDATE: u32 = 1;
    build("dynset", |part| {
        part.put_text(1, map);
        part.put_be32(3, UPDATE);
        part.put_be32(4, number(key));
        part.put_be32(5, number(data));
    })
}

/// Translates the destination to the IPv4 address and port in two registers.
pub fn destination_nat(address: Register, port: Register) -> Expression {
    const DNAT: u32 = 1;
    const IPV4: u32 = 2;
    const RANGE_MAP_IPS: u32 = 1;
    const RANGE_PROTO_SPECIFIED: u32 = 1 << 1;
    build("nat", |part| {
        part.put_be32(1, DNAT);
        part.put_be32(2, IPV4);
        part.put_be32(3, number(address));
        part.put_be32(5, number(port));
        part.put_be32(7, RANGE_MAP_IPS | RANGE_PROTO_SPECIFIED);
    })
}

/// Translates the source to this machine's address, the source port to a random one.
pub fn masquerade() -> Expression {
    const RANDOM_FULLY: u32 = 1 << 4;
    build("masq", |part| part.put_be32(1, RANDOM_FULLY))
}

/// Ends the packet with a TCP reset.
pub fn reject_with_reset() -> Expression {
    build("reject", |part| {
        part.put_be32(1, 1);
        part.put(2, &[0]);
    })
}

/// Ends the packet with an ICMP "port unreachable" (IPv4).
pub fn reject_with_icmp() -> Expression {
    const PORT_UNREACHABLE: u8 = 3;
    build("reject", |part| {
        part.put_be32(1, 0);
        part.put(2, &[PORT_UNREACHABLE]);
    })
}

/// Drops the packet.
pub fn discard() -> Expression {
    verdict(DROP, None)
}

/// Ends this base chain; the packet goes on.
pub fn accept() -> Expression {
    verdict(ACCEPT, None)
}

/// Goes back to the chain that jumped here.
pub fn leave() -> Expression {
    verdict(RETURN, None)
}

/// Runs another chain, then goes on behind this rule.
pub fn jump(chain: &str) -> Expression {
    verdict(JUMP, Some(chain))
}

/// Goes on in another chain, and behind its end where this one was called from.
pub fn go_to(chain: &str) -> Expression {
    verdict(GOTO, Some(chain))
}

fn verdict(code: u32, chain: Option<&str>) -> Expression {
    build("immediate", |part| {
        part.put_be32(1, 0);
        part.nest(2, |data| {
            data.nest(DATA_VERDICT, |verdict| {
                verdict.put_be32(VERDICT_CODE, code);
                if let Some(chain) = chain {
                    verdict.put_text(VERDICT_CHAIN, chain);
                }
            });
        });
    })
}
