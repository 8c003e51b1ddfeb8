//! How much memory there is, for what may take a share of it.

use std::fs;
use std::path::Path;

/// A share of the memory is one part of so many.
const PARTS: u64 = 16;
/// LIMIT: bytes that a share is at least, and where it is not known how much memory there is.
const LEAST: u64 = 64 << 20;
/// LIMIT: bytes that a share is at most.
const MOST: u64 = 1 << 30;

/// What is kept of messages in memory where nobody says how much that may be, in bytes.
pub(super) fn share() -> u64 {
    share_of(available(Path::new("/proc"), Path::new("/sys/fs/cgroup")))
}

fn share_of(all: Option<u64>) -> u64 {
    all.map_or(LEAST, |all| (all / PARTS).clamp(LEAST, MOST))
}

/// The machine's memory, or less where a control group of this process allows less. In bytes;
/// `None` where the system does not say, as anywhere but on Linux.
fn available(proc: &Path, groups: &Path) -> Option<u64> {
    let machine = total(&fs::read_to_string(proc.join("meminfo")).ok()?)?;
    let group = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    // `0::/system.slice/posthorn.service`: the second version's line; what is above it counts too.
    let own = group.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let limits = Path::new(own).ancestors().filter_map(|group| {
        let limit = fs::read_to_string(groups.join(group).join("memory.max")).ok()?;
        limit.trim().parse().ok()
    });
    Some(limits.fold(machine, u64::min))
}

/// `MemTotal:       24684140 kB`
fn total(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_sixteenth_within_bounds() {
        for (all, expect) in [
            (None, 64 << 20),
            (Some(512 << 20), 64 << 20),
            (Some(4 << 30), 256 << 20),
            (Some(24 << 30), 1 << 30),
        ] {
            assert_eq!(share_of(all), expect, "{all:?}");
        }
    }

    #[test]
    fn control_groups_allow_less() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, groups) = (folder.path().join("proc"), folder.path().join("cgroup"));
        assert_eq!(available(&proc, &groups), None);
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(&proc.join("meminfo"), "MemFree: 1 kB\nMemTotal:       24684140 kB\n");
        assert_eq!(available(&proc, &groups), Some(24_684_140 * 1024));
        write(&proc.join("self/cgroup"), "1:cpu:/old\n0::/system.slice/posthorn.service\n");
        write(&groups.join("system.slice/posthorn.service/memory.max"), "max\n");
        assert_eq!(available(&proc, &groups), Some(24_684_140 * 1024));
        write(&groups.join("system.slice/memory.max"), "1073741824\n");
        assert_eq!(available(&proc, &groups), Some(1 << 30));
        write(&groups.join("system.slice/posthorn.service/memory.max"), "2147483648\n");
        assert_eq!(available(&proc, &groups), Some(1 << 30));
    }
}
