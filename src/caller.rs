//! Who asks, how urgent it is and until when an answer is of use. Plain data; a tenant's name is never kept.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Instant;

/// The key of [`Tenant`], drawn once a process.
static TENANT_KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Whose request it is and how it competes with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// On whose behalf.
    pub tenant: Tenant,
    /// How urgent it is.
    pub priority: Priority,
    /// When an answer is of no more use.
    pub deadline: Option<Instant>,
}

/// A tenant, as the keyed hash of its name: enough to tell tenants apart, too little to name one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(u64);

impl Tenant {
    /// Everyone who names no tenant.
    pub const UNNAMED: Self = Self(0);

    /// The tenant of this name.
    pub fn named(name: &str) -> Self {
        Self(TENANT_KEY.hash_one(name))
    }

    /// The hash, for keys that must differ by tenant.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// How urgent a request is. Ordered: the most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Someone waits for the answer.
    Interactive,
    /// Nothing was said.
    #[default]
    Default,
    /// It may take its time, and is the first to be refused.
    Bulk,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Default, Self::Bulk];

    /// The name in metadata and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Default => "default",
            Self::Bulk => "bulk",
        }
    }

    /// The priority of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_differ_by_name() {
        assert_eq!(Tenant::named("a"), Tenant::named("a"));
        assert_ne!(Tenant::named("a"), Tenant::named("b"));
        assert_ne!(Tenant::named(""), Tenant::UNNAMED);
    }

    #[test]
    fn priorities_have_names() {
        assert!(Priority::ALL.iter().all(|priority| Priority::named(priority.name()) == Some(*priority)));
        assert_eq!(Priority::named("urgent"), None);
        assert!(Priority::Interactive < Priority::Default && Priority::Default < Priority::Bulk);
    }
}
