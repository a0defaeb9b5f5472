//! Does the long-term store name events as the live API does? Nobody documents it: newest days are looked at.

use tokio_util::sync::CancellationToken;

use super::{Part, Reconciled, held::Held};
use crate::{
    error::Chain,
    export::{Exporter, PassError},
    target::Api,
};

/// So many events settle the question,
const ENOUGH: u64 = 100;
/// and so many days are looked at for them.
const DAYS: usize = 10;

const OTHERS: &str = "the long-term store has other ids than the live API: its records were counted, and archived only where a gap holds nothing";

impl Exporter {
    /// Looks at newest days of which something was archived through the live API. False: the store cannot be asked, or
    /// it is time to stop.
    pub(super) async fn judge_ids(
        &self,
        held: &Held,
        parts: &[Part],
        work: &mut Reconciled,
        stop: &CancellationToken,
    ) -> Result<bool, PassError> {
        let Some(store) = &self.store else {
            return Ok(false);
        };
        let newest = parts.iter().rev();
        let comparable = newest.filter(|part| part.held.api == Api::Unified && !part.store.is_empty());
        let (mut shown, mut matched, mut days, mut failure) = (0, 0, 0, None);
        for part in comparable {
            if work.alike.is_some() || shown >= ENOUGH || days >= DAYS {
                break;
            }
            let looking = async {
                let _room = self.room_for_a_slice().await;
                let archived = self.archived(held, part.store, Api::LongTerm, true).await?;
                if archived.no_ids {
                    return Ok(None);
                }
                let nothing = crate::checkpoint::Known::default();
                let slice = self.slice(store, archived.span, &nothing, true).await?;
                let matched = slice.events.iter().filter(|event| !archived.lacks(event));
                Ok(Some((slice.events.len() as u64, matched.count() as u64)))
            };
            match stop.run_until_cancelled(looking).await {
                None => {
                    work.interrupted = true;
                    return Ok(false);
                }
                Some(Ok(None)) => {}
                Some(Ok(Some((more, of_them)))) => {
                    (shown, matched, days) = (shown + more, matched + of_them, days + 1);
                }
                Some(Err(PassError::Compare(error))) if error.is_not_there() => {
                    work.without_store = Some(format!("the long-term store is not there: {}", Chain(&error)));
                    return Ok(false);
                }
                // Another day may tell.
                Some(Err(error @ PassError::Compare(_))) => (failure, days) = (Some(error), days + 1),
                Some(Err(error)) => return Err(error),
            }
        }
        if let Some(failure) = failure.filter(|_| shown == 0 && work.alike.is_none()) {
            return Err(failure);
        }
        if work.alike.is_none() && shown > 0 {
            work.alike = Some(matched * 2 >= shown);
        }
        if work.alike == Some(false) {
            work.without_store = Some(OTHERS.to_owned());
        }
        Ok(true)
    }
}
