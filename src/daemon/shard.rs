//! A share of the targets: several exporters with one configuration divide them without talking to each other.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::target::TargetName;

/// Share number `index` of `of`, counted from 0. A target belongs to the same share wherever it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: u64,
    of: u64,
}

/// Not two numbers of which the first is the smaller.
#[derive(Debug, thiserror::Error)]
#[error(
    "read the shard `{text}` (hint: I/N with I from 0 to N-1, as in `0/3`, `1/3`, `2/3`; a name may precede I, as in `exporter-2/3`)"
)]
pub struct BadShard {
    text: String,
}

impl FromStr for Shard {
    type Err = BadShard;

    /// `2/3`, or `NAME-2/3`: where a name ends in an ordinal, as those of a StatefulSet's pods do, it is the index.
    fn from_str(text: &str) -> Result<Self, BadShard> {
        text.split_once('/')
            .and_then(|(index, of)| Some((number(ordinal(index)?)?, number(of)?)))
            .filter(|(index, of)| index < of)
            .map(|(index, of)| Self { index, of })
            .ok_or_else(|| BadShard {
                text: text.to_owned(),
            })
    }
}

/// Digits alone: no sign.
fn number(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What follows the last hyphen of a name, or the text itself where it has none. None: there is no name before it.
fn ordinal(text: &str) -> Option<&str> {
    match text.rsplit_once('-') {
        Some((name, ordinal)) => (!name.is_empty()).then_some(ordinal),
        None => Some(text),
    }
}

impl Shard {
    /// Its index and how many there are.
    #[must_use]
    pub fn place(self) -> (u64, u64) {
        (self.index, self.of)
    }

    /// Whether a target belongs to this share: SHA-256 of its name, the first eight bytes as a number, modulo `of`.
    #[must_use]
    pub fn holds(self, target: &TargetName) -> bool {
        let hash = Sha256::digest(target.as_str());
        let number = hash
            .iter()
            .take(8)
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        number.checked_rem(self.of) == Some(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;
    use crate::target::TargetName;

    #[test]
    fn a_shard_is_two_numbers() {
        assert_eq!("2/3".parse::<Shard>().unwrap().to_string(), "2/3");
        let bad = [
            "", "3/3", "0/0", "-1/2", "+1/2", "1/+2", "1", "1/2/3", "a/b", " 0/1", "a1/2", "a-/2", "a-3/3",
            "a-1/b-2",
        ];
        for bad in bad {
            let error = bad.parse::<Shard>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("read the shard `{bad}`")), "{error}");
        }
    }

    #[test]
    fn a_pod_is_the_shard_that_its_name_ends_in() {
        for (pod, shard) in [
            ("exporter-0/3", "0/3"),
            ("uipath-audit-exporter-12/20", "12/20"),
            ("team-7-exporter-1/2", "1/2"),
        ] {
            assert_eq!(pod.parse::<Shard>().unwrap(), shard.parse().unwrap());
        }
    }

    #[test]
    fn every_target_belongs_to_exactly_one_of_three_shards_and_each_has_some() {
        let shards: Vec<Shard> = ["0/3", "1/3", "2/3"].map(|text| text.parse().unwrap()).to_vec();
        let names: Vec<TargetName> = (0..300).map(|n| format!("target-{n}").parse().unwrap()).collect();
        for name in &names {
            assert_eq!(
                shards.iter().filter(|shard| shard.holds(name)).count(),
                1,
                "{name}"
            );
        }
        for shard in shards {
            let held = names.iter().filter(|name| shard.holds(name)).count();
            assert!((60..140).contains(&held), "{shard} holds {held}");
        }
    }

    #[test]
    fn a_target_never_moves_to_another_shard() {
        // printf acme | sha256sum: 822b33ad87c148a0…, 0x822b33ad87c148a0 mod 7
        let acme: TargetName = "acme".parse().unwrap();
        let shard = (0..7).find(|index| format!("{index}/7").parse::<Shard>().unwrap().holds(&acme));
        assert_eq!(shard, Some(2));
    }
}
