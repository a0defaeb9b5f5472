//! Odd but legal JSON for single members of an event.

use crate::json::quoted;
use crate::switches::Odd;

/// `actorName` as JSON.
pub(crate) fn actor_name(odd: Option<Odd>, name: &str) -> String {
    match odd {
        Some(Odd::Escapes) => r#""Ren\u00e9e \u00C5ngstr\u00f6m \/ \ud83d\ude80""#.to_owned(),
        Some(Odd::LoneSurrogates) => r#""broken \ud83d name""#.to_owned(),
        Some(Odd::Formulas) => quoted("=cmd|' /C calc'!A0"),
        Some(Odd::Emoji) => quoted("Zoë 👩\u{200d}🚀 \u{202e}txt.exe\u{202c} e\u{301} \u{2028}日本語"),
        _ => quoted(name),
    }
}

/// `eventSummary` as JSON.
pub(crate) fn summary(odd: Option<Odd>, text: &str) -> String {
    match odd {
        Some(Odd::Escapes) => r#""\u0055ser\u0020opened C:\\temp\/a\b\f\"b\"""#.to_owned(),
        Some(Odd::LoneSurrogates) => {
            r#""\udc00 first, then \ud800\ud800 and \uDBFF at the end \ud83d""#.to_owned()
        }
        Some(Odd::Formulas) => quoted("@SUM(1+1)*cmd|' /C calc'!A0"),
        Some(Odd::LineBreaks) => quoted(&format!(
            "{text}\r\nsecond \"line\", with comma;\rthird\n\tfourth\u{0}\u{1b}[31mred"
        )),
        Some(Odd::LongText) => quoted(&format!("{text} {}", "long ".repeat(13_107))),
        Some(Odd::Emoji) => quoted(&format!("🎉 {text} 🇳🇴 \u{fffd}\u{feff}")),
        Some(Odd::Nulls) => "null".to_owned(),
        _ => quoted(text),
    }
}

/// `status` as JSON.
pub(crate) fn status(odd: Option<Odd>, status: i64) -> String {
    match odd {
        Some(Odd::HugeNumbers) => format!("{status}.0"),
        Some(Odd::Status) if status == 0 => "2".to_owned(),
        Some(Odd::Status) => "\"Failure\"".to_owned(),
        Some(Odd::Nulls) => "null".to_owned(),
        _ => status.to_string(),
    }
}

/// Members nobody has documented.
pub(crate) fn more_members(odd: Option<Odd>) -> Vec<(&'static str, String)> {
    match odd {
        Some(Odd::HugeNumbers) => vec![
            ("weight", "1e400".to_owned()),
            ("count", "1234567890123456789012345678901234567890".to_owned()),
            ("delta", "-0".to_owned()),
            ("ratio", "1.0".to_owned()),
            ("tiny", "-1.50E-400".to_owned()),
            ("limit", "9007199254740993".to_owned()),
        ],
        Some(Odd::ExtraMembers) => vec![
            (
                "correlation",
                r#"{"id":"not-the-event's","createdOn":[1,[],{},null,true]}"#.to_owned(),
            ),
            ("tags", r#"["a",{"next":"/nowhere"},["auditEvents"]]"#.to_owned()),
            ("", "false".to_owned()),
            ("ключ \"key\"", "null".to_owned()),
        ],
        Some(Odd::DoubledKeys) => vec![
            ("eventSummary", "\"said again\"".to_owned()),
            ("extra", "1".to_owned()),
            ("extra", "2".to_owned()),
        ],
        Some(Odd::Formulas) => vec![
            ("note", quoted("+1")),
            ("comment", quoted("-2+3")),
            ("link", quoted("=HYPERLINK(\"http://evil.example\",\"x\")")),
            ("tab", quoted("\t=1")),
        ],
        Some(Odd::Nesting) => {
            vec![("nested", format!("{}1{}", "[{\"a\":".repeat(25), "}]".repeat(25)))]
        }
        _ => Vec::new(),
    }
}
