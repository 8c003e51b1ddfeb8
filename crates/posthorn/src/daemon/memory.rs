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

/// The machine's memory, or less where a control group of this process allows less, of either
/// version. In bytes; `None` where the system does not say, as anywhere but on Linux.
fn available(proc: &Path, groups: &Path) -> Option<u64> {
    let machine = total(&fs::read_to_string(proc.join("meminfo")).ok()?)?;
    let own = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    Some(own.lines().filter_map(|line| limit(line, groups)).fold(machine, u64::min))
}

/// What the group of a line of `/proc/self/cgroup` allows, or one above it:
/// `0::/system.slice/posthorn.service`, or `4:memory:/system.slice/posthorn.service` of the first
/// version.
fn limit(line: &str, groups: &Path) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?.strip_prefix('/')?);
    let (groups, names) = match controllers {
        "" => (groups.to_owned(), &["memory.max", "memory.high"][..]),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (groups.join("memory"), &["memory.limit_in_bytes"][..])
        }
        _ => return None,
    };
    let above =
        Path::new(path).ancestors().flat_map(|group| names.iter().map(move |name| (group, name)));
    let said = above.filter_map(|(group, name)| {
        // `max`, or nothing, where it has no limit.
        fs::read_to_string(groups.join(group).join(name)).ok()?.trim().parse().ok()
    });
    said.min()
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
        let slice = groups.join("system.slice");
        write(&proc.join("self/cgroup"), "1:cpu:/old\n0::/system.slice/posthorn.service\n");
        write(&slice.join("posthorn.service/memory.max"), "max\n");
        assert_eq!(available(&proc, &groups), Some(24_684_140 * 1024));
        write(&slice.join("memory.max"), "1073741824\n");
        assert_eq!(available(&proc, &groups), Some(1 << 30));
        write(&slice.join("posthorn.service/memory.max"), "2147483648\n");
        assert_eq!(available(&proc, &groups), Some(1 << 30));
        write(&slice.join("posthorn.service/memory.high"), "536870912\n");
        assert_eq!(available(&proc, &groups), Some(512 << 20));
        write(&proc.join("self/cgroup"), "5:cpu,memory:/a/b\n0::/\n");
        write(&groups.join("memory/a/memory.limit_in_bytes"), "268435456\n");
        write(&groups.join("memory/a/b/memory.limit_in_bytes"), "9223372036854771712\n");
        assert_eq!(available(&proc, &groups), Some(256 << 20));
    }
}
