//! The binary: one subcommand per component, plus the commands of a user.

fn main() {}
