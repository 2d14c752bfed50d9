//! Which devices a group may use. Version 1 has files for it, version 2 a small BPF program.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

/// A rule; the last that matches counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRule {
    pub allow: bool,
    /// `a` all, `b` block, `c` character.
    pub kind: char,
    /// `None` is any.
    pub major: Option<u32>,
    pub minor: Option<u32>,
    /// Of `r`, `w`, `m`.
    pub access: String,
}

impl DeviceRule {
    /// As version 1 writes it.
    pub(super) fn text(&self) -> String {
        if self.kind == 'a' && self.major.is_none() && self.minor.is_none() {
            return "a".to_owned();
        }
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        format!(
            "{} {}:{} {}",
            self.kind,
            number(self.major),
            number(self.minor),
            self.access
        )
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    value: i32,
}

const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const CONTEXT: u8 = 1;

fn step(code: u8, to: u8, from: u8, offset: i16, value: i32) -> Instruction {
    Instruction {
        code,
        registers: from << 4 | to,
        offset,
        value,
    }
}

/// The program: the fields into registers, then the rules from the last to the first; each one
/// either answers or jumps to the next.
fn program(rules: &[DeviceRule]) -> Vec<Instruction> {
    let mut steps = vec![
        step(0x61, KIND, CONTEXT, 0, 0),  // KIND = context.access_type
        step(0xbc, ACCESS, KIND, 0, 0),   // ACCESS = KIND
        step(0x74, ACCESS, 0, 0, 16),     // ACCESS >>= 16
        step(0x54, KIND, 0, 0, 0xffff),   // KIND &= 0xffff
        step(0x61, MAJOR, CONTEXT, 4, 0), // MAJOR = context.major
        step(0x61, MINOR, CONTEXT, 8, 0), // MINOR = context.minor
    ];
    for rule in rules.iter().rev() {
        let mut tests = Vec::new();
        match rule.kind {
            'b' => tests.push((KIND, 1)),
            'c' => tests.push((KIND, 2)),
            _ => {}
        }
        let number = |number: u32| number.cast_signed();
        tests.extend(rule.major.map(|major| (MAJOR, number(major))));
        tests.extend(rule.minor.map(|minor| (MINOR, number(minor))));
        let mask = access_mask(&rule.access);
        let mut body = Vec::new();
        if mask != ALL_ACCESS {
            // An access asks for one or more of them: all have to be in the rule.
            body.push(step(0xbc, 0, ACCESS, 0, 0));
            body.push(step(0x54, 0, 0, 0, ALL_ACCESS & !mask));
            tests.push((0, 0));
        }
        // Jumps over the rest of this rule: further tests, the answer, the end.
        let count = i16::try_from(tests.len()).unwrap_or(i16::MAX);
        let (before, own) = tests.split_at(tests.len() - usize::from(mask != ALL_ACCESS));
        let mut left = count + 1;
        let mask_steps = i16::try_from(body.len()).unwrap_or(0);
        for &(register, value) in before {
            steps.push(step(0x56, register, 0, left + mask_steps, value)); // if != jump
            left -= 1;
        }
        steps.append(&mut body);
        for &(register, value) in own {
            steps.push(step(0x56, register, 0, left, value));
        }
        steps.push(step(0xb4, 0, 0, 0, i32::from(rule.allow))); // result = allow
        steps.push(step(0x95, 0, 0, 0, 0)); // exit
    }
    steps.push(step(0xb4, 0, 0, 0, 0));
    steps.push(step(0x95, 0, 0, 0, 0));
    steps
}

const ALL_ACCESS: i32 = 7;

fn access_mask(access: &str) -> i32 {
    if access.is_empty() {
        return ALL_ACCESS;
    }
    let bit = |letter| match letter {
        'm' => 1,
        'r' => 2,
        'w' => 4,
        _ => 0,
    };
    access.chars().map(bit).fold(0, |mask, bit| mask | bit)
}

/// Puts the rules on a version 2 group, instead of those before.
pub(super) fn attach(folder: &Path, rules: &[DeviceRule]) -> io::Result<()> {
    let group = File::open(folder)?;
    let loaded = load(&program(rules))?;
    let old = query(group.as_raw_fd())?;
    // Every program of a group has to agree, so the new one narrows before the old ones go.
    change(
        PROGRAM_ATTACH,
        group.as_raw_fd(),
        loaded.as_raw_fd(),
        ALLOW_MULTIPLE,
    )?;
    for id in old {
        let program = by_id(id)?;
        change(PROGRAM_DETACH, group.as_raw_fd(), program.as_raw_fd(), 0)?;
    }
    Ok(())
}

const PROGRAM_LOAD: i32 = 5;
const PROGRAM_ATTACH: i32 = 8;
const PROGRAM_DETACH: i32 = 9;
const PROGRAM_BY_ID: i32 = 13;
const PROGRAM_QUERY: i32 = 16;
const CGROUP_DEVICE_PROGRAM: u32 = 15;
const CGROUP_DEVICE_PLACE: u32 = 6;
const ALLOW_MULTIPLE: u32 = 2;
const MOST_PROGRAMS: usize = 64;

/// The kernel's `union bpf_attr`, as 64-bit words.
type Request = [u64; 16];

#[expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]
fn bpf(command: i32, request: &mut Request) -> io::Result<i64> {
    // SAFETY: the request is initialised, as long as said, and what it points to is kept by callers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            request.as_mut_ptr(),
            size_of::<Request>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

#[expect(unsafe_code, reason = "a number carries no ownership")]
fn owned(number: i64) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let license = c"Apache-2.0";
    let count = u32::try_from(program.len()).map_err(io::Error::other)?;
    let mut request = Request::default();
    request[0] = pair(CGROUP_DEVICE_PROGRAM, count);
    request[1] = program.as_ptr() as u64;
    request[2] = license.as_ptr() as u64;
    owned(bpf(PROGRAM_LOAD, &mut request)?)
}

fn change(command: i32, group: RawFd, program: RawFd, flags: u32) -> io::Result<()> {
    let mut request = Request::default();
    request[0] = pair(group.cast_unsigned(), program.cast_unsigned());
    request[1] = pair(CGROUP_DEVICE_PLACE, flags);
    bpf(command, &mut request).map(|_| ())
}

fn query(group: RawFd) -> io::Result<Vec<u32>> {
    let mut ids = [0_u32; MOST_PROGRAMS];
    let mut request = Request::default();
    request[0] = pair(group.cast_unsigned(), CGROUP_DEVICE_PLACE);
    request[2] = ids.as_mut_ptr() as u64;
    request[3] = MOST_PROGRAMS as u64;
    bpf(PROGRAM_QUERY, &mut request)?;
    let count = usize::try_from(request[3] & 0xffff_ffff).unwrap_or(0);
    Ok(ids.into_iter().take(count).collect())
}

fn by_id(id: u32) -> io::Result<OwnedFd> {
    let mut request = Request::default();
    request[0] = u64::from(id);
    owned(bpf(PROGRAM_BY_ID, &mut request)?)
}
