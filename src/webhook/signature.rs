//! Signatures as [Standard Webhooks](https://www.standardwebhooks.com/) has them; pure. The only file that names `hmac`.

use base64::{
    Engine as _,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// What a secret in base64 begins with.
const PREFIX: &str = "whsec_";
/// Secrets in one place, at most: an old one and a new one, and some more.
const MOST: usize = 4;
/// A shorter key could be guessed, in bytes.
const SHORTEST: usize = 16;

/// What messages are signed with: each key makes a signature of its own, so that receivers change keys when they like.
pub struct Keys(Vec<Vec<u8>>);

/// Why a secret is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadKey {
    /// What is behind `whsec_` is not base64.
    #[error("read the secret: what follows `whsec_` is no base64")]
    Base64,
    /// Less than 16 bytes.
    #[error("read the secret: it has {0} bytes, a key has 16 at least")]
    Short(usize),
    /// More lines than keys.
    #[error("read the secret: it has more than 4 lines, each of which is a key")]
    Many,
}

impl Keys {
    /// Reads keys, one a line: `whsec_` and base64, or else the bytes as they are.
    ///
    /// # Errors
    /// If a line is no key, or there are more than four.
    pub fn read(secret: &Secret) -> Result<Self, BadKey> {
        let lines = secret.expose().lines().map(str::trim);
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        if lines.len() > MOST {
            return Err(BadKey::Many);
        }
        lines.into_iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// The header `webhook-signature`: one signature for each key, separated by spaces.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed = self.0.iter().filter_map(|key| {
            // HMAC takes keys of any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

fn key(line: &str) -> Result<Vec<u8>, BadKey> {
    let key = match line.strip_prefix(PREFIX) {
        None => line.as_bytes().to_vec(),
        Some(encoded) => {
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let decoded = GeneralPurpose::new(&ALPHABET, config).decode(encoded);
            decoded.map_err(|_| BadKey::Base64)?
        }
    };
    if key.len() < SHORTEST {
        Err(BadKey::Short(key.len()))
    } else {
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Keys, BadKey> {
        Keys::read(&Secret::new(text.to_owned()))
    }

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let keys = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn each_line_is_a_key_and_signs() {
        let old = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let new = keys("correct horse battery staple").unwrap();
        let both = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\n\n correct horse battery staple \n";
        let sign = |keys: &Keys| keys.sign("commit_1", 7, b"{}");
        assert_eq!(
            sign(&keys(both).unwrap()),
            format!("{} {}", sign(&old), sign(&new))
        );
    }

    #[test]
    fn what_is_no_key_is_told() {
        assert_eq!(keys("whsec_not base64!").err(), Some(BadKey::Base64));
        assert_eq!(keys("whsec_AAAA").err(), Some(BadKey::Short(3)));
        assert_eq!(keys("too short").err(), Some(BadKey::Short(9)));
        let many = "0123456789abcdef\n".repeat(5);
        assert_eq!(keys(&many).err(), Some(BadKey::Many));
        // With padding and without.
        assert!(keys("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA=").is_ok());
        assert!(keys("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA").is_ok());
    }
}
