//! Which part of the targets one of several exporters takes; pure.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::target::TargetName;

/// `I/N`: the targets whose name's SHA-256, as a number, leaves `I` when divided by `N`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: u32,
    of: u32,
}

/// A text that is no shard.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write I/N with I from 0 to N-1, such as `0/3`, `1/3` and `2/3` for three exporters")]
pub struct BadShard;

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Self, BadShard> {
        let (index, of) = text.split_once('/').ok_or(BadShard)?;
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten().ok_or(BadShard)
        };
        let (index, of) = (number(index)?, number(of)?);
        if index < of {
            Ok(Self { index, of })
        } else {
            Err(BadShard)
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl Shard {
    /// Whether a target belongs to it. Each belongs to exactly one of the `N`.
    #[must_use]
    pub fn has(self, name: &TargetName) -> bool {
        let digest = Sha256::digest(name.as_str().as_bytes());
        let of = u64::from(self.of);
        let rest = digest
            .iter()
            .fold(0, |rest, byte| (rest * 256 + u64::from(*byte)) % of);
        rest == u64::from(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_belongs_to_exactly_one_shard() {
        let shards: Vec<Shard> = ["0/3", "1/3", "2/3"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let mut sizes = [0; 3];
        for n in 0..300 {
            let name: TargetName = format!("target-{n}").parse().unwrap();
            let having: Vec<usize> = (0..3).filter(|shard| shards[*shard].has(&name)).collect();
            assert_eq!(having.len(), 1, "{name}");
            sizes[having[0]] += 1;
        }
        assert!(sizes.iter().all(|size| *size > 60), "{sizes:?}");
        // A promise: changing it would move targets between exporters. The digest of `acme` ends in an even byte or not.
        let last = Sha256::digest(b"acme").last().copied().unwrap();
        let half: Shard = format!("{}/2", last % 2).parse().unwrap();
        assert!(half.has(&"acme".parse().unwrap()));
    }

    #[test]
    fn a_shard_is_written_i_of_n() {
        assert_eq!("1/3".parse::<Shard>().unwrap().to_string(), "1/3");
        for text in [
            "",
            "1",
            "3/3",
            "1/0",
            "0/0",
            "-1/3",
            "+1/3",
            "1/3/4",
            "a/b",
            " 1/3",
            "1/",
            "99999999999/999999999999",
        ] {
            assert_eq!(text.parse::<Shard>(), Err(BadShard), "{text}");
        }
    }
}
