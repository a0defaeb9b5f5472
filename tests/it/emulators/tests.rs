//! Servers are installed once, and end with the tests.

use std::{path::Path, process::Command, time::Duration};

use super::{HERE, Missing, install, python, running, skip};

/// Pipes close when a process ends, however it does: what is tested here is that a server follows.
#[tokio::test]
async fn a_server_ends_with_its_standard_input() {
    let scripts = || {
        let mut s3 = Command::new(python()?);
        s3.arg(format!("{HERE}/s3.py"));
        let mut azure = Command::new("node");
        azure
            .arg(format!("{HERE}/azure.js"))
            .current_dir(install::azurite()?);
        Ok([s3, azure])
    };
    let scripts = match scripts() {
        Ok(scripts) => scripts,
        Err(missing) => return skip("the end of emulators", &missing),
    };
    for mut script in scripts {
        let mut server = running::start(&mut script).unwrap();
        assert!(server.child.try_wait().unwrap().is_none());
        drop(server.child.stdin.take());
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while server.child.try_wait().unwrap().is_none() {
            assert!(tokio::time::Instant::now() < deadline, "{script:?} goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[test]
fn an_installation_counts_once_it_is_complete() {
    let root = tempfile::tempdir().unwrap();
    let install = |pin: &str, install: &dyn Fn(&Path) -> std::result::Result<(), Missing>| {
        install::installed(root.path(), "tool", "", &[("pin", pin)], install)
    };
    let broken_off = |directory: &Path| {
        std::fs::write(directory.join("half"), "").unwrap();
        Err(Missing("the power is gone".to_owned()))
    };
    install("1", &broken_off).unwrap_err();
    let done = install("1", &|directory| {
        assert!(
            !directory.join("half").exists(),
            "what was broken off is still there"
        );
        assert_eq!(std::fs::read_to_string(directory.join("pin")).unwrap(), "1");
        Ok(())
    });
    let again = install("1", &|_| panic!("it is installed")).unwrap();
    assert_eq!(done.unwrap(), again);
    assert_ne!(install("2", &|_| Ok(())).unwrap(), again, "another pin");
}

#[test]
fn two_processes_install_once() {
    let root = tempfile::tempdir().unwrap();
    let installed = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let install = |_: &Path| {
                    installed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    Ok(())
                };
                install::installed(root.path(), "tool", "", &[], install).unwrap();
            });
        }
    });
    assert_eq!(installed.into_inner(), 1);
}
