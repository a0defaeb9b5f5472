//! The pages in a real browser: whether people can use them, whatever their eyes, hands and screens are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::gallery::{Gallery, few};
use crate::emulators::{Missing, install, skip};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
const PACKAGE: &str = include_str!("../../browser/package.json");
const PACKAGE_LOCK: &str = include_str!("../../browser/package-lock.json");

/// Names that Chromium goes by.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// A screenshot has no more bytes than this.
const LARGEST: u64 = 200 * 1024;

/// The browser, and the directory with what drives it.
fn tools() -> Result<(PathBuf, PathBuf), Missing> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut found = BROWSERS
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)));
    let browser = found
        .find(|file| file.exists())
        .ok_or_else(|| Missing("there is no Chromium (Debian: `chromium`)".to_owned()))?;
    let pins = [("package.json", PACKAGE), ("package-lock.json", PACKAGE_LOCK)];
    Ok((browser, install::npm("browser", &pins)?))
}

/// `SCREENSHOTS=docs/images cargo test --test it web::browser` makes the documents' pictures anew.
#[tokio::test(flavor = "multi_thread")]
async fn people_can_use_the_pages() {
    let (browser, directory) = match tokio::task::spawn_blocking(tools).await.unwrap() {
        Ok(tools) => tools,
        Err(missing) => return skip("the status page in a browser", &missing),
    };
    // Beside its modules, where they are found.
    fs::copy(format!("{HERE}/walk.mjs"), directory.join("walk.mjs")).unwrap();
    let (few, crowd) = (Gallery::of(few()).await, Gallery::crowded(1_000).await);
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new("node");
    command
        .arg("walk.mjs")
        .arg(browser)
        .args([few.address, crowd.address].map(|address| format!("http://{address}")))
        .arg(scratch.path())
        .current_dir(directory);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = crate::machine::said(&output);
    assert!(output.status.success(), "{said}");
    eprintln!("{}", said.trim());

    let pictures: Vec<_> = fs::read_dir(scratch.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(pictures.len() >= 6, "{pictures:?}");
    for picture in pictures {
        let bytes = picture.metadata().unwrap().len();
        assert!(bytes < LARGEST, "{picture:?}: {bytes} bytes");
        if let Some(place) = std::env::var_os("SCREENSHOTS") {
            let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
            fs::copy(picture.path(), place.join(picture.file_name())).unwrap();
        }
    }
}
