//! `archive.tags`: what stores accept as the tags of an object. Pure.

use std::collections::BTreeMap;

use object_store::TagSet;
use url::Url;

use super::location::Kind;

/// Tags an object can have: S3's limit and Azure's.
const MOST: usize = 10;
/// The longest name and value, in characters.
const LONGEST: (usize, usize) = (128, 256);

/// Checks `archive.tags` for an archive at `url`. Returns a mistake for each tag that is wrong, or one for all of them
/// without a name.
#[must_use]
pub fn check_tags(url: &Url, tags: &BTreeMap<String, String>) -> Vec<(Option<String>, String)> {
    if tags.is_empty() {
        return Vec::new();
    }
    if !matches!(Kind::of(url.scheme()), Some(Kind::S3 | Kind::Azure)) {
        let problem = format!("have no effect on `{}://`: S3 and Azure know tags", url.scheme());
        return vec![(None, problem)];
    }
    let mut mistakes = Vec::new();
    if tags.len() > MOST {
        mistakes.push((None, format!("are {}, {MOST} at most", tags.len())));
    }
    let plain = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " +-.:=_/".contains(c);
        text.chars().all(allowed)
    };
    for (name, value) in tags {
        let problem = if name.is_empty() || name.len() > LONGEST.0 || value.len() > LONGEST.1 {
            format!(
                "is too long, or has no name: {} characters at most, {} in its value",
                LONGEST.0, LONGEST.1
            )
        } else if !plain(name) || !plain(value) {
            "may hold letters, digits, space and `+ - . : = _ /` alone".to_owned()
        } else if name.to_ascii_lowercase().starts_with("aws:") {
            "begins with `aws:`, which is AWS's own".to_owned()
        } else {
            continue;
        };
        mistakes.push((Some(name.clone()), problem));
    }
    mistakes
}

pub(super) fn tag_set(tags: &BTreeMap<String, String>) -> TagSet {
    let mut set = TagSet::default();
    for (name, value) in tags {
        set.push(name, value);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, tags: &[(&str, &str)]) -> Vec<(Option<String>, String)> {
        let tags = tags
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        check_tags(&url.parse().unwrap(), &tags.collect())
    }

    #[test]
    fn tags_are_for_stores_that_know_them_and_within_their_limits() {
        let good = [("cost-center", "audit 42"), ("Owner", "a/b:c=d+e_f.g")];
        assert_eq!(check("s3://bucket", &good), []);
        assert_eq!(check("az://container", &good), []);
        assert_eq!(check("gs://bucket", &[]), []);
        for url in ["gs://bucket", "file:///srv/audit"] {
            assert!(check(url, &good)[0].1.starts_with("have no effect on `"));
        }
        let long = "x".repeat(257);
        let told = check(
            "s3://bucket",
            &[("a", &long), ("aws:b", ""), ("c", "ä"), ("d", "")],
        );
        assert_eq!(told.len(), 3, "{told:?}");
        let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(
            check("s3://bucket", &many),
            [(None, "are 11, 10 at most".to_owned())]
        );
    }
}
