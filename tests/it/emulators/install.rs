//! Installs what the tests need of Python and Node.js below the target directory. An installation is found by the hash of
//! its pins, so that other pins are another one, and counts once it is complete. No other process installs meanwhile.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};

use super::Missing;

const REQUIREMENTS: &str = include_str!("../../emulators/requirements.txt");
const PACKAGE: &str = include_str!("../../emulators/package.json");
const PACKAGE_LOCK: &str = include_str!("../../emulators/package-lock.json");

/// Where Debian has what is asked for.
const PYTHON_HINT: &str = "install Python 3.10 or newer with its `venv` module (Debian: `python3-venv`)";
const NODE_HINT: &str = "install Node.js 20 or newer with npm (Debian: `nodejs`, `npm`)";
const PROMETHEUS_HINT: &str = "install Prometheus (Debian: `prometheus`)";

/// A virtual environment; returns its interpreter.
pub fn python() -> Result<PathBuf, Missing> {
    // An environment belongs to the interpreter that made it.
    let about = ["-c", "import sys; print(sys.version, sys.base_prefix)"];
    let version = run(Command::new("python3").args(about), PYTHON_HINT)?;
    let pins = [("requirements.txt", REQUIREMENTS)];
    let directory = installed(&root(), "python", &version, &pins, |directory| {
        let environment = ["-m", "venv", "."];
        run(
            Command::new("python3").args(environment).current_dir(directory),
            PYTHON_HINT,
        )?;
        let mut pip = Command::new(interpreter(directory));
        pip.args(["-m", "pip", "install", "--requirement", "requirements.txt"])
            .args([
                "--quiet",
                "--no-input",
                "--no-compile",
                "--disable-pip-version-check",
            ])
            .args(["--retries", "2"])
            .current_dir(directory);
        run(&mut pip, "let pip reach a package index").map(drop)
    })?;
    Ok(interpreter(&directory))
}

/// Prometheus as it is installed, or else as Debian has it, unpacked; returns the directory of its programs.
pub fn prometheus() -> Result<PathBuf, Missing> {
    let is_there = |directory: &PathBuf| directory.join("prometheus").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(directory) = std::env::split_paths(&path).find(is_there) {
        return Ok(directory);
    }
    let directory = installed(&root(), "prometheus", "", &[], |directory| {
        let download = ["download", "--quiet", "prometheus"];
        run(
            Command::new("apt-get").args(download).current_dir(directory),
            PROMETHEUS_HINT,
        )?;
        let unpack = "dpkg-deb --extract prometheus_*.deb .";
        run(
            Command::new("sh").args(["-c", unpack]).current_dir(directory),
            PROMETHEUS_HINT,
        )
        .map(drop)
    })?;
    Ok(directory.join("usr/bin"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulators")
}

fn interpreter(directory: &Path) -> PathBuf {
    directory.join("bin/python")
}

/// Azurite; returns the directory that has it among its `node_modules`.
pub fn azurite() -> Result<PathBuf, Missing> {
    npm(
        "node",
        &[("package.json", PACKAGE), ("package-lock.json", PACKAGE_LOCK)],
    )
}

/// What these pins name, from npm's registry; returns the directory that has it among its `node_modules`.
pub fn npm(name: &str, pins: &[(&str, &str)]) -> Result<PathBuf, Missing> {
    run(Command::new("node").arg("--version"), NODE_HINT)?;
    installed(&root(), name, "", pins, |directory| {
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .args(["--fetch-retries=1"])
        .current_dir(directory);
        run(&mut npm, &format!("{NODE_HINT}, and let it reach a registry")).map(drop)
    })
}

/// Installs to a directory below `root`, unless it is there.
pub fn installed(
    root: &Path,
    name: &str,
    version: &str,
    pins: &[(&str, &str)],
    install: impl FnOnce(&Path) -> Result<(), Missing>,
) -> Result<PathBuf, Missing> {
    let mut hash = Sha256::new();
    for text in [version].into_iter().chain(pins.iter().map(|(_, text)| *text)) {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let hash: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let directory = root.join(format!("{name}-{hash}"));
    // Written last: without it an installation was broken off.
    let complete = directory.join("complete");
    let prepare = || -> io::Result<Option<File>> {
        fs::create_dir_all(root)?;
        let lock = File::create(root.join(format!("{name}.lock")))?;
        lock.lock()?;
        if complete.exists() {
            return Ok(None);
        }
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir(&directory)?;
        for (file, text) in pins {
            fs::write(directory.join(file), text)?;
        }
        Ok(Some(lock))
    };
    let failed = |error| Missing(format!("cannot install to `{}`: {error}", directory.display()));
    if let Some(_lock) = prepare().map_err(failed)? {
        install(&directory)?;
        File::create(&complete).map_err(failed)?;
    }
    Ok(directory)
}

/// Runs a command to its end; returns what it printed.
fn run(command: &mut Command, hint: &str) -> Result<String, Missing> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |why: &str| Missing(format!("`{name}` failed: {why}; {hint}"));
    let output = command.output().map_err(|error| failed(&error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    Err(failed(&last.into_iter().rev().collect::<Vec<_>>().join(" ")))
}
