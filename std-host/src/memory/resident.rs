//! The memory that this process has in use, as the operating system counts it; only Linux does.

use std::fs;

use super::limit::{self, status};

/// The memory in use now, in bytes.
pub fn now() -> Option<u64> {
    status("VmRSS:")
}

/// The most memory that this process has used, in bytes.
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// Resets [`peak`] to the memory in use now; `false` if the system cannot.
pub fn forget_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The most bytes that this process may have in use: what it has now, and what it may still take. `None` if
/// the system does not say.
pub fn most() -> Option<u64> {
    let left = limit::left();
    if left == u64::MAX { None } else { Some(left.saturating_add(now()?)) }
}
