//! Rules of the source tree that the compiler does not hold; see `tests/it`.
