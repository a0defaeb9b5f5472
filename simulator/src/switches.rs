//! Every undocumented choice of the service as a switch. The default of each is what UiPath documents or, where
//! nothing is said, what the one published sample shows. The marks are those of the public record:
//! [D] documented, [C] seen in client code, [I] inferred, [?] unknown.

mod access;
mod bodies;
mod classic;
mod csv;
mod kind;
mod knobs;
mod downloads;
mod links;
mod long_term;
mod pages;
mod paths;
mod records;
mod rules;

pub use access::{Access, ExpiresIn};
pub use bodies::{Bodies, Casing, ContentType, Edits, Framing, Layout, MemberOrder, Respell};
pub use classic::{
    ApiVersion, Beyond, Classic, NoResults, SortPrecision, Ties, TotalCount, Twins, UnknownSort,
};
pub use csv::{Csv, CsvType, Delimiter, Header, LineEnd, Quoting};
pub use downloads::{Downloads, Over, RowOrder, Wrapping};
pub use kind::Kind;
pub use links::{Carry, CarryTo, EndMarker, LinkForm, LinkNaming, LinkShape, LinkTime, Links, PathCase};
pub use long_term::{
    DateSpelling, EmptyDay, Entries, EntryNames, Identifier, LagFrom, LongTerm, Packing, RecordOrder, Strays,
    ZipType,
};
pub use pages::{Anchor, Arrival, Bounds, Fill, FirstNext, NextOrder, PageOrder, Pages, Repeats, TooOld};
pub use paths::{Paths, WrongPath};
pub use records::{
    ClientInfo, CreatedOn, Details, Fraction, Ids, Odd, Precision, Records, TenantKeys, Times, Zone,
};

pub use rules::Rules;

use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// All switches. `records` is fixed into an event when it is generated or pushed; the others act on each reply.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How `next` and `previous` are written.
    pub links: Links,
    /// Which events stand on which page.
    pub pages: Pages,
    /// How a body is spelled.
    pub bodies: Bodies,
    /// What an event looks like.
    pub records: Records,
    /// Tokens and refusals.
    pub access: Access,
    /// How a CSV download is spelled and sent.
    pub csv: Csv,
    /// The long-term store.
    pub long_term: LongTerm,
    /// The unified CSV download.
    pub downloads: Downloads,
    /// The exclusion rules.
    pub rules: Rules,
    /// Which paths are there.
    pub paths: Paths,
    /// The classic API.
    pub classic: Classic,
}

impl Switches {
    /// Every value that is not a default, alone, with its name (`links.form=absolute`).
    pub fn each() -> Vec<(&'static str, Switches)> {
        Self::those(knobs::all())
    }

    /// Those of [`Switches::each`] that make a difference to an API.
    pub fn each_for(kind: Kind) -> Vec<(&'static str, Switches)> {
        Self::those(knobs::all().filter(|(name, _)| kind::concerns(group(name), kind)))
    }

    /// A mix: each switch is turned with one chance in four, then to any of its values.
    pub fn random(rng: &mut impl rand::Rng) -> Switches {
        Self::seeded(rng.next_u64())
    }

    /// The mix of a seed, as [`Switches::random`]; [`Switches::names`] says what it holds.
    pub fn seeded(seed: u64) -> Switches {
        Self::mix(seed, |_| true)
    }

    /// The mix of a seed, of switches alone that make a difference to an API.
    pub fn seeded_for(kind: Kind, seed: u64) -> Switches {
        Self::mix(seed, |name| kind::concerns(name, kind))
    }

    fn those(knobs: impl Iterator<Item = knobs::Knob>) -> Vec<(&'static str, Switches)> {
        knobs
            .map(|(name, turn)| {
                let mut switches = Self::default();
                turn(&mut switches);
                (name, switches)
            })
            .collect()
    }

    fn mix(seed: u64, wanted: impl Fn(&str) -> bool) -> Switches {
        let mut dice = Dice::new(seed);
        let mut switches = Self::default();
        let knobs: Vec<knobs::Knob> = knobs::all().collect();
        for values in knobs.chunk_by(|a, b| group(a.0) == group(b.0)) {
            if dice.once_in(4)
                && let Some((name, turn)) = values.get(dice.place(values.len()))
                && wanted(group(name))
            {
                turn(&mut switches);
            }
        }
        switches
    }

    /// The names of the switches that stand apart from their default, for messages of tests. A value that is
    /// in no list (say, another number) is not named.
    pub fn names(&self) -> Vec<&'static str> {
        let turned = |turn: &knobs::Turn| {
            let mut other = self.clone();
            turn(&mut other);
            let mut alone = Self::default();
            turn(&mut alone);
            other == *self && alone != Self::default()
        };
        knobs::all()
            .filter(|(_, turn)| turned(turn))
            .map(|(name, _)| name)
            .collect()
    }
}

fn group(name: &str) -> &str {
    name.split('=').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_switch_stands_alone_under_its_own_name() {
        let each = Switches::each();
        let names: HashSet<_> = each.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), each.len());
        for (name, switches) in &each {
            assert_ne!(*switches, Switches::default(), "{name} changes nothing");
            assert_eq!(switches.names(), [*name]);
        }
    }

    #[test]
    fn an_api_gets_the_switches_that_matter_to_it() {
        let names = |kind| -> HashSet<_> {
            Switches::each_for(kind)
                .into_iter()
                .map(|(name, _)| name)
                .collect()
        };
        assert!(names(Kind::Unified).contains("links.form=absolute"));
        assert!(!names(Kind::Unified).contains("csv.bom=true"));
        assert!(names(Kind::ClassicCsv).contains("csv.bom=true"));
        assert!(!names(Kind::Classic).contains("pages.fill=short"));
        assert!(names(Kind::LongTerm).contains("access.token_life=30"));
        for seed in 0..50 {
            let mix = Switches::seeded_for(Kind::ClassicCsv, seed);
            assert!(
                mix.names()
                    .iter()
                    .all(|name| names(Kind::ClassicCsv).contains(name))
            );
        }
    }

    #[test]
    fn a_seed_means_one_mix_and_a_mix_survives_json() {
        for seed in 0..50 {
            let mix = Switches::seeded(seed);
            assert_eq!(mix, Switches::seeded(seed));
            let text = serde_json::to_string(&mix).unwrap();
            assert_eq!(serde_json::from_str::<Switches>(&text).unwrap(), mix);
        }
    }
}
