//! Commits to the receiver: in order for each target, each until it was taken, by whoever wrote the last one.

use std::{sync::PoisonError, time::Duration};

use super::{Delivery, FollowError, Follower, News, lane::After, reading::Sure};
use crate::{
    checkpoint::{Announced, Head, Memory, TargetCheckpoint},
    clock::Time,
    error::{Action, Chain},
    key,
    retry::{Backoff, Budget},
    status::{LastError, WebhookStatus},
    target::TargetName,
    webhook::{Message, Receiver},
    window::earlier,
};

/// Waits between tries for a message that another try may bring through.
const SOON: Backoff = Backoff {
    first: Duration::from_secs(1),
    factor: 2,
    cap: LONGEST,
};
/// Waits for a person to act.
const SLOWLY: Backoff = Backoff {
    first: Duration::from_secs(60),
    factor: 2,
    cap: LONGEST,
};
const LONGEST: Duration = Duration::from_secs(300);
/// Tried for ever.
const ENDLESS: Budget = Budget {
    retry_for: Duration::MAX,
    tries: u32::MAX,
};

/// A target's announcements, as far as they were seen in this process.
#[derive(Default)]
pub(super) struct Telling {
    head: u64,
    /// The next commit to announce, once it is known.
    next: Option<u64>,
    status: WebhookStatus,
    /// The last failure that a person was told of.
    told: Option<String>,
}

impl Follower {
    /// A pass has seen this head: its commits up to there are to be announced, if they are ours to announce.
    pub(super) fn expect(&self, target: &TargetName, memory: &Memory) {
        if memory.head.instance != *self.instance {
            self.others().insert(target.clone(), self.clock.now());
            if self.tellings().remove(target).is_some() {
                let (status, result) = (None, None);
                (self.hear)(target, News { status, result });
            }
            return;
        }
        self.change(target, None, |telling| telling.head = memory.head.number);
        self.telling.push(target);
    }

    fn tellings(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<TargetName, Telling>> {
        self.tellings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn others(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<TargetName, Time>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        target: &TargetName,
        result: Option<Delivery>,
        change: impl FnOnce(&mut Telling) -> T,
    ) -> T {
        let (changed, status) = {
            let mut tellings = self.tellings();
            let telling = tellings.entry(target.clone()).or_default();
            let changed = change(telling);
            let pending = telling.next.map(|next| (telling.head + 1).saturating_sub(next));
            telling.status.pending = pending;
            (changed, telling.status.clone())
        };
        let status = Some(status);
        (self.hear)(target, News { status, result });
        changed
    }

    pub(super) async fn tell(&self, target: TargetName) -> After {
        match self.announce(&target).await {
            Ok(Announce::Nothing) => After::Idle,
            Ok(Announce::All { next }) => {
                self.change(&target, None, |telling| telling.next = Some(next));
                After::Idle
            }
            Ok(Announce::Begins { next }) => {
                self.change(&target, None, |telling| telling.next = Some(next));
                After::Again
            }
            Ok(Announce::Delivered { number, left }) => {
                self.delivered(&target, number);
                if left > 0 { After::Again } else { After::Idle }
            }
            Err(error) => self.not_delivered(&target, &error),
        }
    }

    fn delivered(&self, target: &TargetName, number: u64) {
        let now = self.clock.now();
        let failures = self.change(target, Some(Delivery::Delivered), |telling| {
            telling.next = Some(number + 1);
            telling.told = None;
            telling.status.last_delivery = Some(now);
            std::mem::take(&mut telling.status.failures)
        });
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        if told.is_some() {
            // For all targets that have suffered the same.
            tracing::info!(
                commit = number,
                after_failures = failures,
                "announcing commits goes on"
            );
        } else {
            tracing::debug!(commit = number, "announced a commit");
        }
    }

    /// Tells of the failure, once for all targets that suffer the same.
    fn not_delivered(&self, target: &TargetName, error: &FollowError) -> After {
        let (message, hint, action) = (Chain(error).to_string(), error.hint(), error.action());
        let last_error = LastError {
            message: message.clone(),
            hint: hint.clone(),
            at: self.clock.now(),
            action: action.into(),
        };
        let (failures, own_news) = self.change(target, Some(error.delivery()), |telling| {
            telling.status.failures += 1;
            telling.status.last_error = Some(last_error);
            let told = telling.told.replace(message.clone());
            (telling.status.failures, told.as_ref() != Some(&message))
        });
        let told = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.replace(message.clone())
        };
        let asked = match error {
            FollowError::Tell(error) => error.retry_after(),
            _ => None,
        };
        let backoff = if action == Action::Stop { SLOWLY } else { SOON };
        let failed = u32::try_from(failures).unwrap_or(u32::MAX);
        let wait = backoff.wait(ENDLESS, failed, Duration::ZERO, asked, rand::random());
        let wait = wait.unwrap_or(LONGEST);
        if asked.is_some() {
            // It is the receiver that needs rest.
            self.telling.hold(wait);
        }
        if !own_news || told.as_ref() == Some(&message) {
            tracing::debug!(error = message, failures, again_in = ?wait, "announcing a commit failed again");
        } else if action == Action::Stop {
            tracing::error!(error = message, hint, again_in = ?wait, "announcing a commit failed");
        } else {
            tracing::warn!(error = message, hint, again_in = ?wait, "announcing a commit failed");
        }
        After::Wait(wait)
    }

    /// Announces the next commit of a target, if this exporter wrote the last one and it was not announced yet.
    ///
    /// # Errors
    /// If it was not taken, or could not be read or remembered. Another call tries the same commit again.
    pub async fn announce(&self, target: &TargetName) -> Result<Announce, FollowError> {
        let Some(receiver) = &self.receiver else {
            return Ok(Announce::Nothing);
        };
        let notes = self.checkpoint.of(target);
        let followed = notes.followed().await.map_err(FollowError::Checkpoint)?;
        let ours = |memory: &Memory| memory.head.instance == *self.instance;
        let Some(head) = followed.memory.filter(ours).map(|memory| memory.head) else {
            return Ok(Announce::Nothing);
        };
        let cursor = match followed.announced {
            Some(cursor) if cursor.next <= head.number + 1 => cursor,
            other => {
                let begin = self.first_to_announce(target, &head, receiver).await?;
                return remember(&notes, other, begin).await;
            }
        };
        let number = cursor.next;
        if number > head.number {
            return Ok(Announce::All { next: number });
        }
        // How many are left is known from now on, whether or not anybody takes them.
        self.change(target, None, |telling| {
            telling.head = telling.head.max(head.number);
            telling.next = Some(number);
        });
        let sure = match number == head.number {
            true => Sure::Known(head.sha256.as_str()),
            false => Sure::Twice,
        };
        let Some(record) = self.record(target, number, sure).await? else {
            let begin = self.oldest_after(target, number, &head).await?;
            return remember(&notes, Some(cursor), begin).await;
        };
        let linked = record.commit.previous_sha256.as_ref();
        if cursor.before_sha256.is_some() && cursor.before_sha256.as_ref() != linked {
            tracing::warn!(
                commit = number,
                "the archive's commits do not continue those that were announced: announcing begins anew"
            );
            let begin = self.first_to_announce(target, &head, receiver).await?;
            return remember(&notes, Some(cursor), begin).await;
        }
        let committed_at = record.commit.committed_at;
        let place = self.archive.place();
        let message = Message::created(place, &record.key, &record.bytes, &record.sha256, committed_at);
        let message = message.ok_or(FollowError::Altered {
            key: record.key,
            problem: "it is no JSON",
        })?;
        receiver.tell(&message).await.map_err(FollowError::Tell)?;
        let next = Announced {
            next: number + 1,
            before_sha256: Some(record.sha256),
        };
        let kept = notes.announce(Some(cursor), Some(next)).await;
        kept.map_err(FollowError::Checkpoint)?;
        let left = head.number - number;
        Ok(Announce::Delivered { number, left })
    }

    /// Where nothing is remembered: the oldest commit that is not older than `since`, or the next one.
    async fn first_to_announce(
        &self,
        target: &TargetName,
        head: &Head,
        receiver: &Receiver,
    ) -> Result<Announced, FollowError> {
        // Whoever stood by for a year does not announce that year.
        let begun = self
            .others()
            .get(target)
            .map_or(self.started, |at| self.started.max(*at));
        let cut = earlier(begun, receiver.since());
        if head.committed_at < cut {
            return Ok(Announced {
                next: head.number + 1,
                before_sha256: Some(head.sha256.clone()),
            });
        }
        // Commits are made in the order of their numbers: double the step back, then halve the span between.
        let (mut recent, mut step) = (head.number, 1);
        let mut old = loop {
            let Some(before) = recent.checked_sub(1) else {
                break None;
            };
            let number = before.saturating_sub(step - 1);
            if !self.is_since(target, number, cut).await? {
                break Some(number);
            }
            (recent, step) = (number, step * 2);
        };
        while let Some(number) = old
            && recent - number > 1
        {
            let middle = number + (recent - number) / 2;
            if self.is_since(target, middle, cut).await? {
                recent = middle;
            } else {
                old = Some(middle);
            }
        }
        Ok(Announced {
            next: recent,
            before_sha256: None,
        })
    }

    async fn is_since(&self, target: &TargetName, number: u64, cut: Time) -> Result<bool, FollowError> {
        let record = self.record(target, number, Sure::Once).await?;
        Ok(record.is_some_and(|record| record.commit.committed_at >= cut))
    }

    /// A lifecycle rule was faster than the receiver: goes on with the oldest commit that is there.
    async fn oldest_after(
        &self,
        target: &TargetName,
        number: u64,
        head: &Head,
    ) -> Result<Announced, FollowError> {
        let gone = key::commit(target, number);
        let listed = self.archive.list(&key::commits(target), Some(&gone)).await;
        let listed = listed.map_err(FollowError::Archive)?;
        let numbers = listed
            .iter()
            .filter_map(|listed| key::number_of_commit(&listed.key));
        let oldest = numbers.filter(|found| *found <= head.number).min();
        let Some(oldest) = oldest else {
            return Err(FollowError::Altered {
                key: gone,
                problem: "it is missing, and all after it",
            });
        };
        tracing::warn!(
            from = number,
            to = oldest - 1,
            "commits are gone that nobody took an announcement of"
        );
        Ok(Announced {
            next: oldest,
            before_sha256: None,
        })
    }
}

/// What became of a call for an announcement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Announce {
    /// There is none to make here: another exporter owns the target, or nothing is known of it.
    Nothing,
    /// Every commit was announced.
    All {
        /// The next one, once it is there.
        next: u64,
    },
    /// It was found out where to begin; nothing was announced yet.
    Begins {
        /// With this commit.
        next: u64,
    },
    /// A commit was announced.
    Delivered {
        /// Its number.
        number: u64,
        /// How many are left.
        left: u64,
    },
}

async fn remember(
    notes: &TargetCheckpoint,
    seen: Option<Announced>,
    begin: Announced,
) -> Result<Announce, FollowError> {
    let next = begin.next;
    let kept = notes.announce(seen, Some(begin)).await;
    kept.map_err(FollowError::Checkpoint)?;
    Ok(Announce::Begins { next })
}
