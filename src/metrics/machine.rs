//! What the process takes of its machine, where the system tells: Linux alone.

/// What the process takes.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Takes {
    /// Bytes.
    pub(super) resident: Option<f64>,
    /// Seconds of all threads together.
    pub(super) cpu: Option<f64>,
}

/// The kernel counts in hundredths of a second for programs, whatever its own ticks are (`man 7 time`, "The software
/// clock": USER_HZ).
#[cfg(target_os = "linux")]
const TICKS: f64 = 100.0;

/// Looks at `/proc`.
#[cfg(target_os = "linux")]
pub(super) fn takes() -> Takes {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    Takes {
        resident: resident(&read("/proc/self/status")),
        cpu: cpu(&read("/proc/self/stat")),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn takes() -> Takes {
    Takes::default()
}

#[cfg(target_os = "linux")]
fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// Fields 14 and 15, counted behind the program's name, which may hold anything (`man 5 proc_pid_stat`).
#[cfg(target_os = "linux")]
fn cpu(stat: &str) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let Takes { resident, cpu } = takes();
        assert!(resident.unwrap() > 1e6, "{resident:?}");
        assert!(cpu.unwrap() >= 0.0, "{cpu:?}");
    }

    #[test]
    fn an_odd_name_of_the_program_shifts_nothing() {
        let stat = "7 (a) b (1 2) S 1 7 7 0 -1 4194304 10 0 0 0 150 50 9 9 20 0 1 0 5 1 1";
        assert_eq!(cpu(stat), Some(2.0));
        assert_eq!(cpu("7 (a"), None);
        assert_eq!(super::resident("VmRSS:\t    2048 kB\n"), Some(2_097_152.0));
    }
}
