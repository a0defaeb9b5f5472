//! Which objects may hold events of a span, and what of it the archive cannot tell: read from the commits alone.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{CatError, CatSummary};
use crate::{
    archive::Archive,
    clock::Time,
    commit::{Commit, sha256},
    event::read_time,
    key::{self, Format},
    target::TargetName,
    verify::{AT_ONCE, Gap, Job, Problem, jobs},
    window::Window,
};

/// An object that may hold events of the span.
pub(super) struct Part {
    pub job: Job,
    /// None of its events lies before this.
    pub begins: Time,
}

/// Reads the commits of a target.
pub(super) struct Reader {
    pub archive: Archive,
    pub target: TargetName,
    pub span: Window,
}

impl Reader {
    /// The objects that may hold events of the span, and what the archive cannot tell.
    pub(super) async fn plan(&self) -> Result<(CatSummary, Vec<Part>), CatError> {
        let prefix = key::commits(&self.target);
        let listed = self
            .archive
            .list(&prefix, None)
            .await
            .map_err(CatError::Archive)?;
        let numbers: Vec<u64> = listed
            .iter()
            .filter_map(|listed| key::number_of_commit(&listed.key))
            .collect();
        if numbers.is_empty() {
            return Err(CatError::NoCommits {
                target: self.target.clone(),
                place: self.archive.place().to_owned(),
            });
        }
        let start = self.start(&numbers).await?;
        let numbers = numbers.get(start..).unwrap_or_default().to_vec();
        let mut reads = stream::iter(numbers)
            .map(|number| self.commit(number))
            .buffered(AT_ONCE);
        let (mut summary, mut parts) = (CatSummary::default(), Vec::new());
        let mut covered = self.span.from;
        let mut before: Option<(u64, String)> = None;
        while let Some((commit, hash)) = reads.try_next().await? {
            if let Some((number, hash)) = before {
                self.continues(number, &hash, &commit)?;
            }
            if commit.source.api.schema().is_none() {
                let target = self.target.clone();
                return Err(CatError::Files { target });
            }
            if commit.is_chained() {
                summary.uncovered.extend(self.part(covered, commit.window.from));
                covered = covered.max(commit.window.to);
            }
            summary.gaps.extend(Gap::of(&commit).and_then(|gap| {
                let window = self.part(gap.window.from, gap.window.to)?;
                Some(Gap { window, ..gap })
            }));
            parts.extend(self.parts(&commit)?);
            before = Some((commit.number, hash));
        }
        summary.uncovered.extend(self.part(covered, self.span.to));
        Ok((summary, parts))
    }

    /// Where among the commits those begin that may hold events of the span. Late events are in later ones.
    async fn start(&self, numbers: &[u64]) -> Result<usize, CatError> {
        let (mut low, mut high) = (0, numbers.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let mut asked = middle;
            // Windows of backfills are in no order: the next older commit is asked.
            let ended = loop {
                let Some(number) = numbers.get(asked) else {
                    break false;
                };
                let (commit, _) = self.commit(*number).await?;
                if commit.is_chained() {
                    break commit.window.to < self.span.from;
                }
                if asked == low {
                    break false;
                }
                asked -= 1;
            };
            if ended {
                low = middle + 1;
            } else {
                high = asked;
            }
        }
        Ok(low)
    }

    async fn commit(&self, number: u64) -> Result<(Commit, String), CatError> {
        let key = key::commit(&self.target, number);
        let altered = |problem: Problem| CatError::altered(key.as_str(), problem);
        let bytes = self.archive.read(&key).await.map_err(CatError::Archive)?;
        let Some(bytes) = bytes else {
            let because = "it was listed".to_owned();
            return Err(altered(Problem::Missing { because }));
        };
        let commit = Commit::from_bytes(&bytes).map_err(|error| {
            let because = crate::error::Chain(&error).to_string();
            altered(Problem::Unreadable { because })
        })?;
        if commit.number != number || commit.target != self.target.as_str() {
            return Err(altered(Problem::contradiction("it says it is another one")));
        }
        Ok((commit, sha256(&bytes)))
    }

    fn continues(&self, before: u64, hash: &str, commit: &Commit) -> Result<(), CatError> {
        let altered = |number, problem| Err(CatError::altered(key::commit(&self.target, number), problem));
        if commit.number != before + 1 {
            let because = format!("the next one there is is {}", commit.number);
            return altered(before + 1, Problem::Missing { because });
        }
        match commit.previous_sha256.as_deref() {
            Some(recorded) if recorded == hash => Ok(()),
            recorded => {
                let recorded = recorded.unwrap_or("none");
                altered(
                    before,
                    Problem::differs("SHA-256 (by the commit after it)", recorded, hash),
                )
            }
        }
    }

    /// What of a window lies in the span; None if nothing does.
    fn part(&self, from: Time, to: Time) -> Option<Window> {
        let (from, to) = (from.max(self.span.from), to.min(self.span.to));
        (from < to).then_some(Window { from, to })
    }

    /// The objects of a commit that may hold events of the span.
    fn parts(&self, commit: &Commit) -> Result<Vec<Part>, CatError> {
        let (jobs, problems) = jobs(commit, &self.target, commit.number);
        if let Some(problem) = problems.into_iter().next() {
            let key = key::commit(&self.target, commit.number);
            return Err(CatError::altered(key, problem));
        }
        let undated = (commit.undated.events > 0).then_some(commit.window.from);
        let parts = jobs.into_iter().filter(|job| job.format == Format::Jsonl);
        let parts = parts.filter_map(|job| {
            let time = |text: &Option<String>| text.as_deref().and_then(read_time);
            let (first, last) = (time(&job.object.first), time(&job.object.last));
            let begins = first.into_iter().chain(undated).min().unwrap_or(Time::MIN_UTC);
            let ends = last.into_iter().chain(undated).max().unwrap_or(Time::MAX_UTC);
            let inside = begins < self.span.to && self.span.from <= ends;
            inside.then_some(Part { job, begins })
        });
        Ok(parts.collect())
    }
}
