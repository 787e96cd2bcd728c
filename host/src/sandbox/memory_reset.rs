//! How the pool resets a slot's memory before the next step gets it.
//!
//! The fast way asks the kernel which pages are written *and present*, and resets only those. A written page that was
//! swapped out would be missed, and the next step in that slot could read it. So it is used only where nothing swaps.

use std::fmt;
use std::path::Path;

/// How slots are reset between steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryReset {
    /// Only pages that were written: about eight microseconds a step. Needs Linux 6.7 and no swap.
    WrittenPages,
    /// Everything, whatever the kernel says.
    Everything(StrictReason),
}

/// Why slots are reset as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrictReason {
    /// Memory can be swapped out.
    Swap,
    /// Whether memory can be swapped out is unknown.
    UnknownSwap,
    /// The kernel cannot tell which pages were written.
    Kernel,
}

impl fmt::Display for MemoryReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrittenPages => "written pages only (no swap, Linux 6.7 or later)",
            Self::Everything(StrictReason::Swap) => "everything, slower: memory can be swapped out",
            Self::Everything(StrictReason::UnknownSwap) => {
                "everything, slower: cannot tell whether memory swaps"
            }
            Self::Everything(StrictReason::Kernel) => "everything, slower: needs Linux 6.7 or later",
        })
    }
}

/// What the system says about swap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct SwapFacts {
    /// Lines of `/proc/swaps`, the heading included; none if it cannot be read.
    swaps: Option<String>,
    /// True if the process's control group, or one above it, allows no swap.
    is_forbidden: bool,
    /// True if the kernel can scan for written pages.
    can_scan: bool,
}

impl MemoryReset {
    /// What is right for this system, as it is now. Swap that is switched on later is not noticed.
    pub fn detect() -> Self {
        Self::decide(&SwapFacts {
            swaps: std::fs::read_to_string("/proc/swaps").ok(),
            is_forbidden: is_swap_forbidden(Path::new("/sys/fs/cgroup"), Path::new("/proc/self/cgroup")),
            can_scan: wasmtime::PoolingAllocationConfig::is_pagemap_scan_available(),
        })
    }

    fn decide(facts: &SwapFacts) -> Self {
        let swaps =
            facts.swaps.as_deref().map(|text| text.lines().skip(1).any(|line| !line.trim().is_empty()));
        match (facts.can_scan, facts.is_forbidden, swaps) {
            (false, _, _) => Self::Everything(StrictReason::Kernel),
            (true, true, _) | (true, false, Some(false)) => Self::WrittenPages,
            (true, false, Some(true)) => Self::Everything(StrictReason::Swap),
            (true, false, None) => Self::Everything(StrictReason::UnknownSwap),
        }
    }
}

/// Whether `memory.swap.max` is 0 in the process's control group (version 2) or in one above it.
fn is_swap_forbidden(root: &Path, membership: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(membership) else { return false };
    let Some(group) = text.lines().find_map(|line| line.strip_prefix("0::/")) else { return false };
    let group = root.join(group);
    let groups = group.ancestors().take_while(|group| group.starts_with(root));
    let limits = groups.filter_map(|group| std::fs::read_to_string(group.join("memory.swap.max")).ok());
    limits.into_iter().any(|limit| limit.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_way_only_where_nothing_swaps() {
        let heading = "Filename Type Size Used Priority\n".to_owned();
        let swapping = format!("{heading}/dev/zram0 partition 100 0 -2\n");
        let decide = |swaps: Option<&String>, is_forbidden, can_scan| {
            MemoryReset::decide(&SwapFacts { swaps: swaps.cloned(), is_forbidden, can_scan })
        };
        assert_eq!(decide(Some(&heading), false, true), MemoryReset::WrittenPages);
        assert_eq!(decide(Some(&swapping), true, true), MemoryReset::WrittenPages);
        assert_eq!(decide(Some(&swapping), false, true), MemoryReset::Everything(StrictReason::Swap));
        assert_eq!(decide(None, false, true), MemoryReset::Everything(StrictReason::UnknownSwap));
        assert_eq!(decide(Some(&heading), true, false), MemoryReset::Everything(StrictReason::Kernel));
    }

    #[test]
    fn a_group_above_can_forbid_swap() {
        let root = tempfile::tempdir().unwrap();
        let (above, own) = (root.path().join("above"), root.path().join("above/own"));
        std::fs::create_dir_all(&own).unwrap();
        let membership = root.path().join("membership");
        std::fs::write(&membership, "1:name=x:/\n0::/above/own\n").unwrap();
        std::fs::write(own.join("memory.swap.max"), "max\n").unwrap();
        assert!(!is_swap_forbidden(root.path(), &membership));
        std::fs::write(above.join("memory.swap.max"), "0\n").unwrap();
        assert!(is_swap_forbidden(root.path(), &membership));
    }
}
