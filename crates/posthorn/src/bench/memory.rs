//! The memory of a server, read from `/proc`.

use std::collections::HashMap;
use std::fs;

use super::BenchError;

/// What a process and all its descendants keep in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    /// Pages of each process; shared ones count in every process that has them.
    pub(super) rss_kib: u64,
    /// Pages of each process, with shared pages divided among those that share them.
    pub(super) pss_kib: u64,
}

/// Adds up a process and its descendants as they are now.
pub(super) fn resident(pid: u32) -> Result<Resident, BenchError> {
    let mut sum = Resident { rss_kib: 0, pss_kib: 0 };
    for member in family(pid, &parents()?) {
        // A process may have ended since; it keeps nothing then.
        let Ok(text) = fs::read_to_string(format!("/proc/{member}/smaps_rollup")) else {
            if member == pid {
                let text = format!("cannot read the memory of process {pid}");
                return Err(BenchError::Plan(text));
            }
            continue;
        };
        sum.rss_kib += field(&text, "Rss:");
        sum.pss_kib += field(&text, "Pss:");
    }
    Ok(sum)
}

/// Processor seconds this process has used, all its threads together; the kernel counts here in
/// hundredths.
pub(super) fn own_cpu_secs() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Some(ticks as f64 / 100.0)
}

/// The parents of processes: child to parent.
fn parents() -> Result<HashMap<u32, u32>, BenchError> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| {
            rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok())
        });
        if let Some(parent) = parent {
            parents.insert(pid, parent);
        }
    }
    Ok(parents)
}

/// The process and everyone who descends from it.
fn family(pid: u32, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (child, parent) in parents {
        children.entry(*parent).or_default().push(*child);
    }
    let mut members = vec![pid];
    let mut seen = 0;
    while let Some(member) = members.get(seen).copied() {
        // Taken out, so that even a loop in a torn reading ends.
        members.extend(children.remove(&member).unwrap_or_default());
        seen += 1;
    }
    members
}

/// `Name:   123 kB`
fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|value| value.split_whitespace().next())
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found() {
        let parents = HashMap::from([(2, 1), (3, 2), (4, 2), (5, 1), (6, 9)]);
        let mut members = family(2, &parents);
        members.sort_unstable();
        assert_eq!(members, [2, 3, 4]);
    }

    #[test]
    fn fields_are_read() {
        let text = "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:     5384 kB\nPss:   1022 kB\n";
        assert_eq!((field(text, "Rss:"), field(text, "Pss:")), (5384, 1022));
        assert_eq!(field(text, "Swap:"), 0);
    }

    #[test]
    fn this_process_is_somewhere() {
        let resident = resident(std::process::id()).unwrap();
        assert!(resident.rss_kib >= resident.pss_kib && resident.pss_kib > 0);
        assert!(own_cpu_secs().is_some());
    }
}
