//! [`spelled`] for times that may be missing.

use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

use super::{Time, spelled};

#[derive(Deserialize)]
struct Spelled(#[serde(with = "spelled")] Time);

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(crate::clock::spell).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<Spelled>::deserialize(deserializer)?.map(|Spelled(time)| time))
}
