//! What is JSON, what is found in it, and what a fingerprint depends on.

use super::*;

fn fingerprint(text: &str) -> [u8; 16] {
    Reader::whole(text.as_bytes(), |reader| {
        let mut form = Form::default();
        reader.formed(&mut form).map(|formed| formed.fingerprint())
    })
    .unwrap()
}

#[test]
fn accepts_what_is_json_and_nothing_else() {
    let good = [
        "null",
        " true ",
        "-0",
        "1e400",
        "123456789012345678901234567890123456789012",
        "\"\\ud800\"",
        "[]",
        "{}",
        "[1, {\"a\" : [ ] , \"b\":\"\\u00e9\\/\"}]",
        "\u{feff}{\"a\":1}",
        "1.50E-7",
    ];
    for text in good {
        assert!(Value::parse(text.as_bytes()).is_ok(), "{text}");
    }
    let bad = [
        "",
        " ",
        "nul",
        "01",
        "1.",
        "+1",
        ".5",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "[1 2]",
        "\"a\nb\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "{\"a\"}",
        "[",
        "{\"a\":",
        "\"",
        "1 2",
        "<html>",
    ];
    for text in bad {
        assert!(Value::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(
        Value::parse(b"\"\xff\"").is_ok(),
        "bytes that are no UTF-8 are kept"
    );
    let deep = "[".repeat(MAX_DEPTH + 2) + &"]".repeat(MAX_DEPTH + 2);
    assert_eq!(
        Value::parse(deep.as_bytes()).unwrap_err().problem,
        "nested too deeply"
    );
}

#[test]
fn agrees_with_serde_json_on_every_cut_and_every_changed_byte() {
    let text = br#"{"a":[1,-2.5e3,"x\n\u00e9",{"b":null}],"c":true,"d":"\\\""}"#;
    for at in 0..text.len() {
        for byte in [b'"', b'{', b']', b',', b'0', b' ', b'\\', b'e', b'\n', b'-'] {
            let mut changed = text.to_vec();
            changed[at] = byte;
            let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&changed).is_ok();
            assert_eq!(
                Value::parse(&changed).is_ok(),
                theirs,
                "{}",
                String::from_utf8_lossy(&changed)
            );
        }
        assert!(Value::parse(&text[..at]).is_err());
    }
}

#[test]
fn finds_members_by_name_whatever_their_case() {
    let value = Value::parse(br#"{"ID":"x" , "id" : "y","createdon":null}"#).unwrap();
    assert_eq!(value.member("id").unwrap().raw(), b"\"y\"");
    assert!(value.member("createdOn").unwrap().is_null());
    assert!(value.member("other").is_none());
    assert_eq!(value.members().count(), 3);
}

#[test]
fn fingerprint_ignores_order_and_white_space_alone() {
    assert_eq!(
        fingerprint(r#"{"a":1,"b":[1,2]}"#),
        fingerprint("{ \"b\" : [1,\n2], \"a\":1 }")
    );
    assert_ne!(fingerprint(r#"{"a":1}"#), fingerprint(r#"{"a":1.0}"#));
    assert_ne!(fingerprint("[1,2]"), fingerprint("[2,1]"));
    assert_ne!(fingerprint(r#"{"a":"é"}"#), fingerprint(r#"{"a":"\u00e9"}"#));
    assert_ne!(fingerprint(r#"{"a":{"b":1}}"#), fingerprint(r#"{"a":{},"b":1}"#));
}
