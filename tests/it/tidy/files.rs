//! The project's files, as these tests read them.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub struct File {
    /// From the project's directory, with `/`.
    pub path: String,
    pub text: String,
}

impl File {
    /// Without comment lines and inline tests.
    pub fn code(&self) -> String {
        let mut text = self.text.clone();
        if let Some(begin) = text.find("\n#[cfg(test)]\nmod tests {") {
            let end = text[begin..]
                .find("\n}")
                .map_or(text.len(), |length| begin + length);
            text.replace_range(begin..end, "");
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.collect::<Vec<_>>().join("\n")
    }

    pub fn is_below(&self, place: &str) -> bool {
        self.path == place
            || self.path == format!("{place}.rs")
            || self.path.starts_with(&format!("{place}/"))
    }

    /// The module of the library that it belongs to.
    pub fn module(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(name.strip_suffix(".rs").unwrap_or(name)).filter(|name| !["lib", "main"].contains(name))
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

/// All files below a directory with that ending.
pub fn files(directory: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let relative = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            if path.is_dir() {
                directories.push(path);
            } else if relative.ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push(File { path: relative, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

pub fn all_rust() -> Vec<File> {
    ["src", "simulator/src", "tests"]
        .into_iter()
        .flat_map(|directory| files(directory, ".rs"))
        .collect()
}

/// The files of `src/` that are built into the program, not only into its tests.
pub fn program() -> Vec<File> {
    let files = files("src", ".rs");
    let mut tests: Vec<String> = Vec::new();
    for file in &files {
        let mut after_attribute = false;
        for line in file.text.lines() {
            let name = line.trim_start_matches("pub(crate) ").strip_prefix("mod ");
            if let Some(name) = name.and_then(|name| name.strip_suffix(';'))
                && after_attribute
            {
                tests.push(format!("{}/{name}", file.path.trim_end_matches(".rs")));
            }
            after_attribute = line == "#[cfg(test)]";
        }
    }
    let is_test = |file: &File| tests.iter().any(|test| file.is_below(test));
    files.into_iter().filter(|file| !is_test(file)).collect()
}

/// The modules of the library in reading order.
pub fn modules() -> Vec<String> {
    let library = read("src/lib.rs");
    let names = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}
