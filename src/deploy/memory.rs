//! Whether a model still fits into memory, before it is loaded.

use super::LoadError;

/// What loading takes at most, as a multiple of the weights' file: the file in f16, the same numbers in f32 (twice that) and
/// packed for the kernels (at most f32 again).
const PER_WEIGHTS_BYTE: u64 = 5;

/// Refuses a model whose weights' file of this size needs more memory than it may have, or than there is.
///
/// # Errors
/// [`LoadError::Memory`], with both figures.
pub(super) fn check(weights_bytes: u64, limit_bytes: u64) -> Result<(), LoadError> {
    let needed = weights_bytes.saturating_mul(PER_WEIGHTS_BYTE);
    let available = available_bytes().map_or(limit_bytes, |available| available.min(limit_bytes));
    if needed > available { Err(LoadError::Memory { needed, available }) } else { Ok(()) }
}

/// Bytes that this process may still take: what the system has, and what its control group leaves. None where neither is
/// told.
fn available_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let system = read("/proc/meminfo").and_then(|text| mem_available(&text));
    let group = read("/sys/fs/cgroup/memory.max")
        .zip(read("/sys/fs/cgroup/memory.current"))
        .and_then(|(limit, used)| left_in_group(&limit, &used));
    system.into_iter().chain(group).min()
}

/// The line `MemAvailable` of /proc/meminfo, in bytes.
fn mem_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What a limit of cgroup v2 leaves; none if there is no limit.
fn left_in_group(limit: &str, used: &str) -> Option<u64> {
    Some(limit.trim().parse::<u64>().ok()?.saturating_sub(used.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_read() {
        assert_eq!(mem_available("MemTotal: 9 kB\nMemAvailable:     12 kB\nBuffers: 1 kB\n"), Some(12 * 1024));
        assert_eq!(mem_available("MemTotal: 9 kB\n"), None);
        assert_eq!(left_in_group("100\n", "30\n"), Some(70));
        assert_eq!(left_in_group("100\n", "130\n"), Some(0));
        assert_eq!(left_in_group("max\n", "30\n"), None);
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused() {
        assert!(check(1024, 5 * 1024).is_ok());
        assert!(matches!(check(1025, 5 * 1024), Err(LoadError::Memory { needed: 5125, .. })));
        assert!(check(1 << 60, u64::MAX).is_err());
    }
}
