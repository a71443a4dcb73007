//! What each tenant may send: a token bucket of bytes, filled at a steady rate. Pure: now comes in. Tenants that have not
//! sent for a while are forgotten, and those beyond a number share one bucket, so that inventing tenants costs no memory.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::caller::Tenant;

/// Tenants that have a bucket of their own: 4 MiB of memory at most.
const MAX_TENANTS: usize = 65_536;

/// What a tenant may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes of text, in the long run.
    pub bytes_per_second: usize,
    /// Bytes of text at once, after a pause.
    pub burst_bytes: usize,
}

/// The buckets.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    buckets: HashMap<Tenant, Bucket>,
    purged: Option<Instant>,
}

/// How often full buckets are looked for when there is no room.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    bytes: f64,
    at: Instant,
}

impl Bucket {
    fn filled(self, allowance: Allowance, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * allowance.bytes_per_second as f64;
        (self.bytes + gained).min(allowance.burst_bytes as f64)
    }
}

impl Allowances {
    /// Takes bytes from a tenant's bucket. A request larger than a full bucket empties it.
    ///
    /// # Errors
    /// How long until there are enough.
    pub(super) fn take(
        &mut self,
        tenant: Tenant,
        allowance: Allowance,
        n_bytes: usize,
        now: Instant,
    ) -> Result<(), Duration> {
        let tenant = self.known(tenant, allowance, now);
        let full = Bucket { bytes: allowance.burst_bytes as f64, at: now };
        let bucket = self.buckets.entry(tenant).or_insert(full);
        let (held, wanted) = (bucket.filled(allowance, now), (n_bytes as f64).min(allowance.burst_bytes as f64));
        if held < wanted {
            let seconds = (wanted - held) / allowance.bytes_per_second.max(1) as f64;
            return Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        }
        *bucket = Bucket { bytes: held - wanted, at: now };
        Ok(())
    }

    /// The tenant, or the one that stands for all for whom there is no room.
    fn known(&mut self, tenant: Tenant, allowance: Allowance, now: Instant) -> Tenant {
        let is_due = self.purged.is_none_or(|purged| now.saturating_duration_since(purged) >= PURGE_INTERVAL);
        if is_due && self.buckets.len() >= MAX_TENANTS && !self.buckets.contains_key(&tenant) {
            self.purged = Some(now);
            self.buckets.retain(|_, bucket| bucket.filled(allowance, now) < allowance.burst_bytes as f64);
        }
        let is_known = self.buckets.len() < MAX_TENANTS || self.buckets.contains_key(&tenant);
        if is_known { tenant } else { Tenant::UNNAMED }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { bytes_per_second: 100, burst_bytes: 1000 };

    #[test]
    fn a_tenant_gets_its_burst_and_then_its_rate() {
        let (mut allowances, start) = (Allowances::default(), Instant::now());
        let mut take = |tenant: &str, n_bytes: usize, at: u64| {
            allowances.take(Tenant::named(tenant), ALLOWANCE, n_bytes, start + Duration::from_secs(at))
        };
        assert_eq!(take("a", 900, 0), Ok(()));
        assert_eq!(take("a", 300, 0), Err(Duration::from_secs(2)));
        assert_eq!(take("b", 1000, 0), Ok(()));
        assert_eq!(take("a", 300, 2), Ok(()));
        assert_eq!(take("a", 1, 2), Err(Duration::from_millis(10)));
        assert_eq!(take("a", 5000, 100), Ok(()));
        assert_eq!(take("a", 100, 100), Err(Duration::from_secs(1)));
    }

    #[test]
    fn invented_tenants_share_a_bucket() {
        let (mut allowances, now) = (Allowances::default(), Instant::now());
        for tenant in 0..MAX_TENANTS {
            assert!(allowances.take(Tenant::named(&tenant.to_string()), ALLOWANCE, 10, now).is_ok());
        }
        assert!(allowances.take(Tenant::named("next"), ALLOWANCE, 1000, now).is_ok());
        assert!(allowances.take(Tenant::named("another"), ALLOWANCE, 1, now).is_err());
        assert_eq!(allowances.buckets.len(), MAX_TENANTS + 1);
        let later = now + Duration::from_secs(60);
        assert!(allowances.take(Tenant::named("later"), ALLOWANCE, 1000, later).is_ok());
        assert_eq!(allowances.buckets.len(), 1);
    }
}
