//! Seccomp profiles as OCI writes them.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use styr_kernel::seccomp::{Argument, Operator, Profile, Rule, Verdict};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Seccomp {
    pub default_action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    pub architectures: Vec<String>,
    pub syscalls: Vec<SeccompSyscall>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompSyscall {
    pub names: Vec<String>,
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    pub args: Vec<SeccompArgument>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompArgument {
    pub index: u8,
    pub value: u64,
    pub value_two: u64,
    pub op: String,
}

const PERMISSION_DENIED: u32 = libc::EPERM.cast_unsigned();

impl Seccomp {
    /// In the kernel crate's terms.
    pub fn profile(&self) -> anyhow::Result<Profile> {
        let rules = self.syscalls.iter().map(|call| {
            let arguments: anyhow::Result<Vec<_>> = call.args.iter().map(argument).collect();
            Ok(Rule {
                names: call.names.clone(),
                verdict: verdict(&call.action, call.errno_ret)?,
                arguments: arguments?,
            })
        });
        Ok(Profile {
            default: verdict(&self.default_action, self.default_errno_ret)?,
            rules: rules
                .collect::<anyhow::Result<_>>()
                .context("could not use the seccomp profile")?,
        })
    }

    /// Back into OCI's terms, for a configuration that others read.
    pub fn of(profile: &Profile) -> Self {
        let (default_action, default_errno_ret) = action(profile.default);
        let syscalls = profile.rules.iter().map(|rule| {
            let (action, errno_ret) = action(rule.verdict);
            let args = rule.arguments.iter().map(|argument| SeccompArgument {
                index: argument.index,
                value: argument.value,
                value_two: argument.second,
                op: operator_name(argument.operator).to_owned(),
            });
            SeccompSyscall {
                names: rule.names.clone(),
                action,
                errno_ret,
                args: args.collect(),
            }
        });
        Self {
            default_action,
            default_errno_ret,
            architectures: Vec::new(),
            syscalls: syscalls.collect(),
        }
    }
}

fn verdict(action: &str, number: Option<u32>) -> anyhow::Result<Verdict> {
    Ok(match action {
        "SCMP_ACT_ALLOW" => Verdict::Allow,
        "SCMP_ACT_LOG" => Verdict::Log,
        "SCMP_ACT_ERRNO" => Verdict::Errno(number.unwrap_or(PERMISSION_DENIED)),
        "SCMP_ACT_TRACE" => Verdict::Trace(number.unwrap_or(PERMISSION_DENIED)),
        "SCMP_ACT_TRAP" => Verdict::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Verdict::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Verdict::KillProcess,
        other => bail!("the seccomp action {other:?} is not implemented"),
    })
}

fn action(verdict: Verdict) -> (String, Option<u32>) {
    let (name, number) = match verdict {
        Verdict::Allow => ("SCMP_ACT_ALLOW", None),
        Verdict::Log => ("SCMP_ACT_LOG", None),
        Verdict::Errno(number) => ("SCMP_ACT_ERRNO", Some(number)),
        Verdict::Trace(number) => ("SCMP_ACT_TRACE", Some(number)),
        Verdict::Trap => ("SCMP_ACT_TRAP", None),
        Verdict::KillThread => ("SCMP_ACT_KILL_THREAD", None),
        Verdict::KillProcess => ("SCMP_ACT_KILL_PROCESS", None),
    };
    (name.to_owned(), number)
}

static OPERATORS: &[(&str, Operator)] = &[
    ("SCMP_CMP_EQ", Operator::Equal),
    ("SCMP_CMP_NE", Operator::NotEqual),
    ("SCMP_CMP_LT", Operator::Less),
    ("SCMP_CMP_LE", Operator::LessOrEqual),
    ("SCMP_CMP_GT", Operator::Greater),
    ("SCMP_CMP_GE", Operator::GreaterOrEqual),
    ("SCMP_CMP_MASKED_EQ", Operator::MaskedEqual),
];

fn operator_name(operator: Operator) -> &'static str {
    let found = OPERATORS.iter().find(|(_, known)| *known == operator);
    found.map_or("", |(name, _)| name)
}

fn argument(argument: &SeccompArgument) -> anyhow::Result<Argument> {
    let operator = OPERATORS.iter().find(|(name, _)| *name == argument.op);
    let (_, operator) =
        operator.with_context(|| format!("unknown seccomp comparison {:?}", argument.op))?;
    Ok(Argument {
        index: argument.index,
        operator: *operator,
        value: argument.value,
        second: argument.value_two,
    })
}
