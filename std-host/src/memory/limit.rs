//! How much memory this process may still take: the smallest of what its control group, its resource limits,
//! the machine and the program's own setting leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the program has set, in bytes.
static SETTING: AtomicU64 = AtomicU64::new(u64::MAX);

/// Bounds what the process may take in all, in bytes: work that would need more is refused.
pub fn set_limit(bytes: u64) {
    SETTING.store(bytes, Ordering::Relaxed);
}

/// The bytes that this process may still take; [`u64::MAX`] where the system does not say. On Linux, the
/// smallest of:
///
/// - what is left of [`set_limit`];
/// - what the control group (version 1 or 2) and those above it leave, where the page cache counts as free;
/// - what the limits on address space and data (`ulimit -v`, `ulimit -d`) leave;
/// - the memory and swap space that the machine has available.
pub fn left() -> u64 {
    [of_setting(), of_groups(), of_limits(), of_machine()].into_iter().min().unwrap_or(u64::MAX)
}

/// As [`left`], but of the bounds alone at which a system ends a process without a word, or that the program
/// has set itself: control groups and [`set_limit`].
pub fn left_of_bounds() -> u64 {
    of_setting().min(of_groups())
}

fn of_setting() -> u64 {
    match SETTING.load(Ordering::Relaxed) {
        u64::MAX => u64::MAX,
        most => most.saturating_sub(status("VmRSS:").unwrap_or(0)),
    }
}

/// The bytes of a line such as `VmHWM:     1234 kB` of a file in `/proc`.
pub(crate) fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Such a line of this process's status.
pub(crate) fn status(key: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, key)
}

fn of_machine() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else { return u64::MAX };
    let Some(available) = kibibytes(&text, "MemAvailable:") else { return u64::MAX };
    available.saturating_add(kibibytes(&text, "SwapFree:").unwrap_or(0))
}

fn of_limits() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/self/limits") else { return u64::MAX };
    let left = |name: &str, key: &str| Some(soft_limit(&text, name)?.saturating_sub(status(key)?));
    let space = left("Max address space", "VmSize:").unwrap_or(u64::MAX);
    space.min(left("Max data size", "VmData:").unwrap_or(u64::MAX))
}

/// The soft limit of a line of `/proc/self/limits`; `None` if there is none.
fn soft_limit(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn of_groups() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/self/cgroup") else { return u64::MAX };
    of_groups_in(&text, Path::new("/sys/fs/cgroup"))
}

/// What the groups leave that `/proc/self/cgroup` names, of the hierarchies below a folder.
fn of_groups_in(text: &str, root: &Path) -> u64 {
    let mut least = u64::MAX;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let files = if controllers.is_empty() {
            &VERSION_2
        } else if controllers.split(',').any(|controller| controller == "memory") {
            &VERSION_1
        } else {
            continue;
        };
        let root = root.join(files.hierarchy);
        // In a container, the folder may be that of the group itself, whatever the path outside says.
        let mut folder: PathBuf = root.join(group.trim_start_matches('/'));
        while folder.starts_with(&root) {
            least = least.min(files.left(&folder).unwrap_or(u64::MAX));
            if !folder.pop() {
                break;
            }
        }
    }
    least
}

/// The files of a control group.
struct Files {
    hierarchy: &'static str,
    limit: &'static str,
    taken: &'static str,
    /// The line of `memory.stat` with what can be dropped.
    cache: &'static str,
}

const VERSION_1: Files = Files {
    hierarchy: "memory",
    limit: "memory.limit_in_bytes",
    taken: "memory.usage_in_bytes",
    cache: "total_cache ",
};

const VERSION_2: Files =
    Files { hierarchy: "", limit: "memory.max", taken: "memory.current", cache: "file " };

impl Files {
    /// What a group leaves; `None` if it has no limit.
    fn left(&self, folder: &Path) -> Option<u64> {
        let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
        let (limit, taken) = (number(self.limit)?, number(self.taken)?);
        let text = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let cache = text.lines().find_map(|line| line.strip_prefix(self.cache)?.trim().parse().ok());
        Some(limit.saturating_sub(taken.saturating_sub(cache.unwrap_or(0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_a_group_and_those_above_counts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (name, limit, taken, cache) in [("a", "1000\n", "700\n", "300"), ("a/b", "max\n", "500\n", "0")] {
            write(&format!("{name}/memory.max"), limit);
            write(&format!("{name}/memory.current"), taken);
            write(&format!("{name}/memory.stat"), &format!("anon 1\nfile {cache}\n"));
        }
        assert_eq!(of_groups_in("0::/a/b\n", folder.path()), 600);
        assert_eq!(of_groups_in("0::/elsewhere\n", folder.path()), u64::MAX);
        write("memory/memory.limit_in_bytes", "900");
        write("memory/memory.usage_in_bytes", "500");
        write("memory/memory.stat", "cache 7\ntotal_cache 50\n");
        let text = "5:cpu,cpuacct:/x\n4:memory:/docker/17\n0::/a\n";
        assert_eq!(of_groups_in(text, folder.path()), 450);
    }

    #[test]
    fn lines_of_proc_are_read() {
        let text = "Max address space         4096000000           unlimited            bytes     \n\
                    Max data size             unlimited            unlimited            bytes     \n";
        assert_eq!(soft_limit(text, "Max address space"), Some(4_096_000_000));
        assert_eq!(soft_limit(text, "Max data size"), None);
        assert_eq!(kibibytes("VmSize:\t  12 kB\n", "VmSize:"), Some(12 * 1024));
        assert!(left() > 0);
    }
}
