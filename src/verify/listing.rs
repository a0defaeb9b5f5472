//! What lies in an archive: which commits there are, and which objects no commit names.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    VerifyError,
    finding::{Finding, Note, Problem},
};
use crate::{
    archive::{Archive, Listed},
    key::{self, Format},
    target::{Api, TargetName},
};

/// A commit's number and its size in bytes.
pub(super) type Numbered = (u64, u64);

/// Objects that no exporter names so.
#[derive(Default)]
pub(super) struct Foreign {
    objects: u64,
    first: Option<String>,
}

impl Foreign {
    fn add(&mut self, key: String) {
        self.objects += 1;
        self.first.get_or_insert(key);
    }

    pub(super) fn note(self) -> Option<Note> {
        let objects = self.objects;
        self.first.map(|key| Note::Foreign { objects, key })
    }
}

/// What of a target was checked, to judge what else lies about.
pub(super) struct Checked {
    pub target: TargetName,
    pub apis: BTreeSet<Api>,
    /// The first commit checked and the last one there is.
    pub numbers: Option<(u64, u64)>,
    /// Keys of the data objects that commits name.
    pub named: HashSet<String>,
}

/// The commits of the named targets, or of all: in the order of their numbers.
pub(super) async fn commits(
    archive: &Archive,
    only: &[TargetName],
) -> Result<(BTreeMap<TargetName, Vec<Numbered>>, Foreign), VerifyError> {
    let mut found: BTreeMap<TargetName, Vec<Numbered>> =
        only.iter().map(|target| (target.clone(), Vec::new())).collect();
    let prefixes = match only {
        [] => vec!["commits".to_owned()],
        only => only.iter().map(key::commits).collect(),
    };
    let mut foreign = Foreign::default();
    for prefix in prefixes {
        for Listed { key, bytes, .. } in archive.list(&prefix, None).await.map_err(VerifyError::Archive)? {
            let target: Option<TargetName> = key.split('/').nth(1).and_then(|name| name.parse().ok());
            match (target, key::number_of_commit(&key)) {
                (Some(target), Some(number)) if key::commit(&target, number) == key => {
                    found.entry(target).or_default().push((number, bytes));
                }
                _ => foreign.add(key),
            }
        }
    }
    Ok((found, foreign))
}

/// What else lies among the data objects of these targets; of all targets if `all`.
pub(super) async fn strays(
    archive: &Archive,
    checked: &[Checked],
    all: bool,
) -> Result<(BTreeMap<TargetName, Strays>, Vec<Note>), VerifyError> {
    let prefixes: Vec<String> = if all {
        Format::ALL.map(|format| format.as_str().to_owned()).into()
    } else {
        let of = |checked: &Checked| -> Vec<String> {
            let apis = checked.apis.iter();
            apis.flat_map(|api| key::streams(*api, &checked.target)).collect()
        };
        checked.iter().flat_map(of).collect()
    };
    let checked: BTreeMap<&TargetName, &Checked> =
        checked.iter().map(|checked| (&checked.target, checked)).collect();
    let (mut strays, mut orphans) = (
        BTreeMap::<TargetName, Strays>::new(),
        BTreeMap::<TargetName, u64>::new(),
    );
    let mut foreign = Foreign::default();
    for prefix in prefixes {
        for Listed { key, .. } in archive.list(&prefix, None).await.map_err(VerifyError::Archive)? {
            let (Some(target), Some(number)) = (target_of(&key), key::number_of_data(&key)) else {
                foreign.add(key);
                continue;
            };
            match checked
                .get(&target)
                .and_then(|checked| Some((checked, checked.numbers?)))
            {
                Some((checked, _)) if checked.named.contains(&key) => {}
                Some((_, numbers)) => strays.entry(target).or_default().add(key, number, numbers),
                // Its commits were asked for and judged already.
                None if checked.contains_key(&target) => {}
                None => *orphans.entry(target).or_default() += 1,
            }
        }
    }
    let mut notes: Vec<Note> = foreign.note().into_iter().collect();
    notes.extend(orphans.into_iter().map(|(target, objects)| Note::NoCommits {
        target: target.to_string(),
        objects,
    }));
    Ok((strays, notes))
}

fn target_of(key: &str) -> Option<TargetName> {
    key.split('/').nth(2)?.strip_prefix("target=")?.parse().ok()
}

/// Data objects of one target that no commit names.
#[derive(Default)]
pub(super) struct Strays {
    before: u64,
    unreferenced: u64,
    first_unreferenced: Option<String>,
    under_way: u64,
    beyond: Option<String>,
}

impl Strays {
    fn add(&mut self, key: String, number: u64, (first, last): (u64, u64)) {
        let next = last.saturating_add(1);
        if number < first {
            self.before += 1;
        } else if number <= last {
            self.unreferenced += 1;
            self.first_unreferenced.get_or_insert(key);
        } else if number == next {
            self.under_way += 1;
        } else {
            self.beyond.get_or_insert(key);
        }
    }

    /// What is worth knowing of them.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.before > 0 {
            notes.push(Note::Before { objects: self.before });
        }
        if let Some(key) = &self.first_unreferenced {
            notes.push(Note::Unreferenced {
                objects: self.unreferenced,
                key: key.clone(),
            });
        }
        if self.under_way > 0 {
            notes.push(Note::UnderWay {
                objects: self.under_way,
            });
        }
        notes
    }

    /// An object is put only when the commit before its own exists: objects further on show that commits are gone. Unless
    /// the archive has grown since its commits were listed.
    pub(super) async fn lost_tail(
        &self,
        archive: &Archive,
        target: &TargetName,
        last: u64,
    ) -> Result<Option<Finding>, VerifyError> {
        let Some(beyond) = &self.beyond else {
            return Ok(None);
        };
        let key = key::commit(target, last.saturating_add(1));
        let grown = archive.read(&key).await.map_err(VerifyError::Archive)?;
        if grown.is_some() {
            return Ok(None);
        }
        let because = format!("`{beyond}` was written after it");
        Ok(Some(Problem::Missing { because }.of(key)))
    }
}
