//! Seccomp filters: from an OCI profile to programs of the kernel, built in Rust.
//!
//! One program has one action for what matches and one for what does not, so a profile becomes a
//! stack of programs: the first holds the default action and lets everything named elsewhere
//! through, each further one an action. The kernel takes the strictest answer of the stack.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

mod profile;
mod table;

pub use profile::{Argument, Operator, Profile, Rule, Verdict, runtime_default};

/// Why a profile could not be turned into programs.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// The machine's architecture has no table of system calls here.
    #[error("seccomp filters are not implemented for architecture {0}")]
    Architecture(&'static str),
    /// The compiler refused.
    #[error("could not build a seccomp program: {0}")]
    Build(String),
}

/// The programs of one profile, in the order in which they have to be installed.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    programs: Vec<Vec<libc::sock_filter>>,
}

impl Programs {
    /// Builds the programs. Names that this machine does not know are left out, as the profile is
    /// written for many kernels.
    pub fn build(profile: &Profile) -> Result<Self, SeccompError> {
        let arch = TargetArch::try_from(std::env::consts::ARCH)
            .map_err(|_| SeccompError::Architecture(std::env::consts::ARCH))?;
        let mut groups: BTreeMap<Verdict, Rules> = BTreeMap::new();
        let mut named = Rules::new();
        for rule in &profile.rules {
            for name in &rule.names {
                let Some(number) = table::number(name) else {
                    continue;
                };
                add(&mut named, number, rule)?;
                add(groups.entry(rule.verdict).or_default(), number, rule)?;
            }
        }
        let mut programs = Vec::new();
        for (verdict, rules) in groups {
            // What is allowed is so by the first program.
            if verdict != Verdict::Allow && verdict != profile.default {
                let action = action(verdict);
                programs.push(compile(rules, SeccompAction::Allow, action, arch)?);
            }
        }
        if profile.default != Verdict::Allow {
            let action = action(profile.default);
            programs.push(compile(named, action, SeccompAction::Allow, arch)?);
        }
        Ok(Self { programs })
    }

    /// Installs them on the calling thread. Without `no_new_privs` this needs CAP_SYS_ADMIN.
    pub fn install(&self) -> io::Result<()> {
        self.programs
            .iter()
            .try_for_each(|program| install(program))
    }

    /// How many programs there are.
    pub fn len(&self) -> usize {
        self.programs.len()
    }

    /// Nothing is filtered.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn add(rules: &mut Rules, number: i64, rule: &Rule) -> Result<(), SeccompError> {
    let failed = |error: seccompiler::BackendError| SeccompError::Build(error.to_string());
    let known = rules.get(&number).is_some();
    let chain = rules.entry(number).or_default();
    if rule.arguments.is_empty() {
        // An empty chain matches always, so it must not be narrowed afterwards.
        chain.clear();
        return Ok(());
    }
    if known && chain.is_empty() {
        return Ok(());
    }
    let conditions = rule.arguments.iter().map(condition);
    let conditions: Result<Vec<_>, _> = conditions.collect();
    chain.push(SeccompRule::new(conditions.map_err(failed)?).map_err(failed)?);
    Ok(())
}

fn condition(argument: &Argument) -> Result<SeccompCondition, seccompiler::BackendError> {
    let (operator, value) = match argument.operator {
        Operator::Equal => (SeccompCmpOp::Eq, argument.value),
        Operator::NotEqual => (SeccompCmpOp::Ne, argument.value),
        Operator::Less => (SeccompCmpOp::Lt, argument.value),
        Operator::LessOrEqual => (SeccompCmpOp::Le, argument.value),
        Operator::Greater => (SeccompCmpOp::Gt, argument.value),
        Operator::GreaterOrEqual => (SeccompCmpOp::Ge, argument.value),
        Operator::MaskedEqual => (SeccompCmpOp::MaskedEq(argument.value), argument.second),
    };
    SeccompCondition::new(argument.index, SeccompCmpArgLen::Qword, operator, value)
}

fn action(verdict: Verdict) -> SeccompAction {
    match verdict {
        Verdict::Allow => SeccompAction::Allow,
        Verdict::Log => SeccompAction::Log,
        Verdict::Errno(number) => SeccompAction::Errno(number),
        Verdict::Trace(number) => SeccompAction::Trace(number),
        Verdict::Trap => SeccompAction::Trap,
        Verdict::KillThread => SeccompAction::KillThread,
        Verdict::KillProcess => SeccompAction::KillProcess,
    }
}

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
    arch: TargetArch,
) -> Result<Vec<libc::sock_filter>, SeccompError> {
    let filter = SeccompFilter::new(rules, otherwise, matched, arch);
    let program: BpfProgram = filter
        .and_then(TryInto::try_into)
        .map_err(|error| SeccompError::Build(error.to_string()))?;
    let raw = program.iter().map(|step| libc::sock_filter {
        code: step.code,
        jt: step.jt,
        jf: step.jf,
        k: step.k,
    });
    Ok(raw.collect())
}

#[expect(
    unsafe_code,
    reason = "neither the standard library nor rustix has seccomp(2)"
)]
fn install(program: &[libc::sock_filter]) -> io::Result<()> {
    let header = libc::sock_fprog {
        len: u16::try_from(program.len())
            .map_err(|_| io::Error::other("seccomp program is longer than the kernel takes"))?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the header points to `len` instructions that outlive the call; the kernel copies them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const header,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests;
