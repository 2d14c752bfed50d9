pub(super) static FLAGS: &[(&str, &[(&str, &str, &str, &str)])] = &[];
