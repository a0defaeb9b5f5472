//! Finds a secret that a server sends back, however it is spelled; pure.
//!
//! Identity servers and gateways quote what they were sent: as a form, in JSON, in a page, in a dump of headers.

use crate::secret::Secret;

/// Shorter secrets are looked for as they are: their spellings would be found everywhere.
const SHORT: usize = 6;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether a text holds the secret: as it is, percent-encoded, escaped as in JSON or HTML, in base64 or hexadecimal.
#[must_use]
pub fn echoes(text: &str, secret: &Secret) -> bool {
    let secret = secret.expose();
    if text.contains(secret) || secret.len() < SHORT {
        return text.contains(secret);
    }
    let plain = plain(text);
    let spaced = |text: &str| text.replace('+', " ");
    let plain_secret = self::plain(secret);
    if plain.contains(&plain_secret) || spaced(&plain).contains(&spaced(&plain_secret)) {
        return true;
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let standard = plain.replace('-', "+").replace('_', "/");
    plain.to_ascii_lowercase().contains(&hex)
        || base64(secret.as_bytes())
            .iter()
            .any(|spelled| standard.contains(spelled))
}

/// Undoes escapes until there are none.
fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    // Twice is as often as escapes are met within escapes; once more costs nothing.
    for _ in 0..3 {
        text = unescape(&text);
    }
    text
}

fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let escape = match first {
            '%' => percent(rest),
            '\\' => backslash(rest),
            '&' => entity(rest),
            _ => None,
        };
        let (bytes, length) = escape.unwrap_or_else(|| (first.to_string().into_bytes(), first.len_utf8()));
        out.extend(bytes);
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What stands at the beginning of a text, and how many bytes spell it.
type Escape = Option<(Vec<u8>, usize)>;

fn percent(text: &str) -> Escape {
    let byte = u8::from_str_radix(text.get(1..3)?, 16).ok()?;
    Some((vec![byte], 3))
}

fn backslash(text: &str) -> Escape {
    let escaped = text.chars().nth(1)?;
    if escaped != 'u' {
        return Some((escaped.to_string().into_bytes(), 1 + escaped.len_utf8()));
    }
    // Characters beyond the first plane are two escapes.
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let units: Vec<u16> = [unit(0), unit(6)].into_iter().flatten().collect();
    let first = char::decode_utf16(units).next()?.ok()?;
    Some((first.to_string().into_bytes(), 6 * first.len_utf16()))
}

fn entity(text: &str) -> Escape {
    let end = text.find(';').filter(|end| *end <= 8)?;
    let name = text.get(1..end)?;
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => match name.strip_prefix('#')? {
            digits if digits.starts_with(['x', 'X']) => number(digits.get(1..)?, 16)?,
            digits => number(digits, 10)?,
        },
    };
    Some((character.to_string().into_bytes(), end + 1))
}

/// What of a text's base64 does not depend on its neighbours, for each of the three places where it may begin.
fn base64(secret: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|before: usize| {
        let padded = [vec![0; before], secret.to_vec()].concat();
        let digits = padded.chunks(3).flat_map(|part| {
            let whole =
                part.iter().fold(0_u32, |all, byte| (all << 8) | u32::from(*byte)) << (8 * (3 - part.len()));
            [18, 12, 6, 0].map(|shift| {
                STANDARD
                    .get(((whole >> shift) & 63) as usize)
                    .copied()
                    .unwrap_or(b'A')
            })
        });
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        digits.take(last).skip(first).map(char::from).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, secret: &str) -> bool {
        echoes(text, &Secret::new(secret.to_owned()))
    }

    #[test]
    fn a_secret_is_found_in_any_spelling() {
        let secret = "s3cr3t/+=&<\"%é";
        for text in [
            "it was s3cr3t/+=&<\"%é!",
            "client_secret=s3cr3t%2F%2B%3D%26%3C%22%25%C3%A9&x=y",
            "client_secret%3Ds3cr3t%252f%252b%253d%2526%253c%2522%2525%25c3%25a9",
            r#"{"said":"s3cr3t\/+=&<\"%\u00e9"}"#,
            "<b>s3cr3t/+=&amp;&lt;&#34;%&#xe9;</b>",
            "Basic bWU6czNjcjN0Lys9JjwiJcOp",
            "ZTpzM2NyM3QvKz0mPCIlw6k=",
            "bWV5OnMzY3IzdC8rPSY8IiXDqTp4",
            "7333637233742F2B3D263C2225C3A9",
        ] {
            assert!(found(text, secret), "{text}");
        }
        assert!(found("a+b+c+d", "a b c d"));
        assert!(found(r"\ud83d\ude00-token", "😀-token"));
    }

    #[test]
    fn other_texts_are_not_taken_for_it() {
        for text in [
            "",
            "s3cr3t",
            "%",
            "\\",
            "&",
            "\\u12",
            "&#xZZ;",
            "%zz",
            "100 % & more; \\o/",
        ] {
            assert!(!found(text, "s3cr3t/+=&<\"%é"), "{text}");
        }
        assert!(!found("YWI=", "ab"), "too short to look for its spellings");
    }
}
