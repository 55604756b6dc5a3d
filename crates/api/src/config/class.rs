//! `ClassResolver`: finds the class behind a name.

/// Finds the class behind the value of a CLASS key. The worker's registry of plug-ins is one.
pub trait ClassResolver {
    /// Full name of the class that `name`, a full name or an alias, stands for; `None` if there is none.
    fn resolve(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> ClassResolver for F {
    fn resolve(&self, name: &str) -> Option<String> {
        self(name)
    }
}
