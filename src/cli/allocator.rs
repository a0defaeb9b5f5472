//! Keeps the system's allocator from holding memory that nobody uses.
//!
//! glibc gives each thread an arena of its own and hardly ever gives memory back from one, so that a long export would
//! take half as much memory again as it uses. It can be told otherwise only by the environment of a program that starts:
//! so this one starts itself anew, once, with the same process id.

/// Starts the program anew with one arena, unless the environment says how many already. Goes on where that fails.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn use_one_arena() {
    use std::{env, os::unix::process::CommandExt as _, process::Command};

    const ARENAS: &str = "MALLOC_ARENA_MAX";
    if env::var_os(ARENAS).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Blocks of events and compressed objects are larger than this: once nobody uses them they are given back at once.
    let threshold = "131072";
    let settings = [
        (ARENAS, "1"),
        ("MALLOC_MMAP_THRESHOLD_", threshold),
        ("MALLOC_TRIM_THRESHOLD_", threshold),
    ];
    // Returns only where it failed; then memory is held longer, and nothing else.
    let _ = again.args(arguments).envs(settings).exec();
}

/// Other allocators need no telling.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn use_one_arena() {}
