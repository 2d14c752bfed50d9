//! Real clusters on this machine, made, used and deleted by the program itself; see `tests/it`.
//!
//! Root is needed, and a kernel that can hold a cluster; without them each test says `skipped`.
//! `STYR_BIN` names a static program to test; without it one is built, and so is the example.
//! `STYR_E2E_ROUNDS` says how often a cluster is made, used and deleted in a row.
