//! How often things are used, by name.

use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Uses(HashMap<String, usize>);

impl Uses {
    pub(super) fn of(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// One user more (1) or fewer (-1).
    pub(super) fn add(&mut self, name: &str, by: i32) {
        let by = isize::try_from(by).expect("at least 32 bits");
        let now = self.of(name).saturating_add_signed(by);
        if now == 0 {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), now);
        }
    }
}
