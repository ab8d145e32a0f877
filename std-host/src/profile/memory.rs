//! What the operating system reports about memory; only Linux does.

use std::fs;

use crate::memory::limit::kibibytes;
pub use crate::memory::resident::{forget_peak, peak};

/// The memory that is available without swapping, in bytes.
pub fn available() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// The size of the processor's largest cache, in bytes.
pub fn largest_cache() -> Option<u64> {
    let caches = fs::read_dir("/sys/devices/system/cpu/cpu0/cache").ok()?;
    let sizes = caches.filter_map(|cache| fs::read_to_string(cache.ok()?.path().join("size")).ok());
    sizes.filter_map(|size| with_unit(size.trim())).max()
}

/// `32768K`, `32M`, or plain bytes.
fn with_unit(size: &str) -> Option<u64> {
    let (digits, unit) = match size.as_bytes().last()? {
        b'K' => (size.strip_suffix('K')?, 1 << 10),
        b'M' => (size.strip_suffix('M')?, 1 << 20),
        _ => (size, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_lines_are_read() {
        let lines = "Name:\twta\nVmPeak:\t  9000 kB\nVmHWM:\t  1234 kB\nVmRSS: 1 kB\n";
        assert_eq!(kibibytes(lines, "VmHWM:"), Some(1234 << 10));
        assert_eq!(kibibytes(lines, "VmSwap:"), None);
        assert_eq!(kibibytes("VmHWM: many kB", "VmHWM:"), None);
        assert_eq!(
            ["32768K", "32M", "64", "", "K"].map(with_unit),
            [Some(32 << 20), Some(32 << 20), Some(64), None, None]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn touching_memory_raises_the_peak() {
        let before = peak().unwrap();
        let memory = vec![1u8; 64 << 20];
        assert!(std::hint::black_box(&memory).iter().all(|byte| *byte == 1));
        // The kernel's counters may be a few pages behind.
        assert!(peak().unwrap() >= before.max(60 << 20));
        assert!(available().unwrap() > 1 << 20);
        drop(memory);
        // Containers may forbid the reset.
        if forget_peak() {
            assert!(peak().unwrap() < (60 << 20) + before);
        }
    }
}
