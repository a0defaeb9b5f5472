//! Cuts a CSV file into its rows, as an auditor would: at the line breaks outside of quotation marks.

use std::io::{Cursor, Read as _};

/// The rows of a file, without the header, where it has one, and without line ends. A ZIP holds one such file.
pub fn rows(file: &[u8], header: bool) -> Vec<Vec<u8>> {
    if file.starts_with(b"PK") {
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
        let mut all = Vec::new();
        for index in 0..archive.len() {
            let mut inner = Vec::new();
            archive.by_index(index).unwrap().read_to_end(&mut inner).unwrap();
            all.extend(rows(&inner, header));
        }
        return all;
    }
    let mut rows = vec![Vec::new()];
    let mut quoted = false;
    for byte in file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                rows.push(Vec::new());
                continue;
            }
            _ => {}
        }
        rows.last_mut().unwrap().push(*byte);
    }
    assert!(!quoted, "a cell has no end");
    rows.retain(|row| !row.is_empty());
    for row in &mut rows {
        row.pop_if(|last| *last == b'\r');
    }
    if header && !rows.is_empty() {
        rows.remove(0);
    }
    rows
}
