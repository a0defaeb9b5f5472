//! The CSV view of events: fixed columns, what has no column as JSON in `extra`, formulas defused.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use crate::{
    event::{Event, Schema},
    json::Value,
};

/// The columns of an API's records, in their order. `extra` is a JSON object of the fields that have none.
#[must_use]
pub fn columns(schema: Schema) -> &'static [&'static str] {
    match schema {
        Schema::Unified => &UNIFIED,
        Schema::Classic => &CLASSIC,
        Schema::LongTerm => &LONG_TERM,
    }
}

const UNIFIED: [&str; 18] = [
    "id",
    "createdOn",
    "organizationId",
    "organizationName",
    "tenantId",
    "tenantName",
    "actorId",
    "actorName",
    "actorEmail",
    "eventType",
    "eventSource",
    "eventTarget",
    "eventSummary",
    "status",
    "ipAddress",
    "ipCountry",
    "eventDetails",
    "extra",
];

const CLASSIC: [&str; 10] = [
    "createdOn",
    "category",
    "action",
    "userName",
    "email",
    "message",
    "source",
    "detailsVersion",
    "auditLogDetails",
    "extra",
];

const LONG_TERM: [&str; 15] = [
    "Identifier",
    "DateCreatedUtc",
    "OrganizationId",
    "TenantId",
    "ActorId",
    "User",
    "ActorEmail",
    "Action",
    "Source",
    "Category",
    "Status",
    "ActorDetails",
    "EventDetails",
    "ClientInformation",
    "extra",
];

/// Columns whose values stand in `clientInfo`.
const CLIENT: [&str; 2] = ["ipAddress", "ipCountry"];

/// Writes header and rows (RFC 4180, CRLF). Returns how many cells were defused.
pub(super) fn write<'a>(
    out: &mut impl Write,
    schema: Schema,
    events: impl Iterator<Item = &'a Event>,
) -> io::Result<u64> {
    let mut defused = 0;
    let columns = columns(schema);
    out.write_all(columns.join(",").as_bytes())?;
    out.write_all(b"\r\n")?;
    for event in events {
        for (index, cell) in row(columns, event).iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            let danger = is_formula(cell);
            defused += u64::from(danger);
            write_cell(out, cell, danger)?;
        }
        out.write_all(b"\r\n")?;
    }
    Ok(defused)
}

fn row<'a>(columns: &[&str], event: &'a Event) -> Vec<Cow<'a, str>> {
    let mut cells = vec![Cow::Borrowed(""); columns.len()];
    let spread = CLIENT.iter().all(|client| columns.contains(client));
    let mut extra: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let value = Value::parse(&event.raw).ok();
    if let Some(whole) = value.filter(|value| !value.is_object()) {
        extra.push(("\"event\"".into(), String::from_utf8_lossy(whole.raw())));
    }
    for (key, value) in value.into_iter().flat_map(Value::members) {
        if spread && key.eq_ignore_ascii_case(b"\"clientInfo\"") {
            client(columns, value, &mut cells, &mut extra);
        } else {
            place(columns, key, value, &mut cells, &mut extra);
        }
    }
    if !extra.is_empty() {
        let members: Vec<String> = extra
            .iter()
            .map(|(key, value)| format!("{key}:{value}"))
            .collect();
        if let Some(last) = cells.last_mut() {
            *last = Cow::Owned(format!("{{{}}}", members.join(",")));
        }
    }
    cells
}

/// Puts a member into its column, or into `extra` where it has none or the column is taken.
fn place<'a>(
    columns: &[&str],
    key: &'a [u8],
    value: Value<'a>,
    cells: &mut [Cow<'a, str>],
    extra: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) {
    let name = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    let column = columns
        .iter()
        .position(|column| column.as_bytes().eq_ignore_ascii_case(name))
        .filter(|index| {
            index + 1 < columns.len() && !CLIENT.iter().any(|client| columns.get(*index) == Some(client))
        });
    match column.and_then(|index| cells.get_mut(index)) {
        Some(cell) if cell.is_empty() => *cell = text(value),
        _ => extra.push((String::from_utf8_lossy(key), String::from_utf8_lossy(value.raw()))),
    }
}

/// Takes address and country out of `clientInfo`, which is an object or (seen too) an object in a string.
fn client<'a>(
    columns: &[&str],
    info: Value<'a>,
    cells: &mut [Cow<'a, str>],
    extra: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) {
    let inner = info.text();
    let parsed = match &inner {
        Some(text) => Value::parse(text.as_bytes()).ok(),
        None => Some(info),
    };
    let mut rest = Vec::new();
    let fields = parsed.filter(|value| value.is_object());
    for (key, value) in fields.into_iter().flat_map(Value::members) {
        let name = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
        let column = columns
            .iter()
            .position(|column| CLIENT.contains(column) && column.as_bytes().eq_ignore_ascii_case(name));
        match column.and_then(|index| cells.get_mut(index)) {
            Some(cell) if cell.is_empty() => *cell = Cow::Owned(text(value).into_owned()),
            _ => rest.push(format!(
                "{}:{}",
                String::from_utf8_lossy(key),
                String::from_utf8_lossy(value.raw())
            )),
        }
    }
    if !rest.is_empty() {
        extra.push((
            "\"clientInfo\"".into(),
            Cow::Owned(format!("{{{}}}", rest.join(","))),
        ));
    } else if fields.is_none() && !info.is_null() {
        extra.push(("\"clientInfo\"".into(), String::from_utf8_lossy(info.raw())));
    }
}

/// A string decoded, null as nothing, anything else as it is spelled.
fn text(value: Value<'_>) -> Cow<'_, str> {
    if value.is_null() {
        return Cow::Borrowed("");
    }
    value
        .text()
        .unwrap_or_else(|| String::from_utf8_lossy(value.raw()))
}

/// Whether a spreadsheet might run the cell: it begins like a formula and is no number.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number(cell)
}

fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    digits.starts_with(|first: char| first.is_ascii_digit()) && digits.parse::<f64>().is_ok()
}

fn write_cell(out: &mut impl Write, cell: &str, danger: bool) -> io::Result<()> {
    let prefix: &[u8] = if danger { b"'" } else { b"" };
    let cell = cell.as_bytes();
    if !cell
        .iter()
        .any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'))
    {
        out.write_all(prefix)?;
        return out.write_all(cell);
    }
    out.write_all(b"\"")?;
    out.write_all(prefix)?;
    for (index, part) in cell.split(|byte| *byte == b'"').enumerate() {
        if index > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part)?;
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn rows(events: &[&'static str]) -> (String, u64) {
        rows_of(Schema::Unified, events)
    }

    fn rows_of(schema: Schema, events: &[&'static str]) -> (String, u64) {
        let events: Vec<Event> = events
            .iter()
            .map(|raw| Event::parse(Bytes::from_static(raw.as_bytes()), schema).unwrap())
            .collect();
        let mut out = Vec::new();
        let defused = write(&mut out, schema, events.iter()).unwrap();
        (
            String::from_utf8(out)
                .unwrap()
                .split_once("\r\n")
                .unwrap()
                .1
                .to_owned(),
            defused,
        )
    }

    #[test]
    fn columns_are_filled_and_the_rest_is_extra() {
        let (text, defused) = rows(&[
            r#"{"id":"1","createdOn":"t","STATUS":0,"clientInfo":{"ipAddress":"1.2.3.4","os":"x"},"tenantId":null,"more":[1, 2]}"#,
        ]);
        assert_eq!(
            text,
            "1,t,,,,,,,,,,,,0,1.2.3.4,,,\"{\"\"clientInfo\"\":{\"\"os\"\":\"\"x\"\"},\"\"more\"\":[1, 2]}\"\r\n"
        );
        assert_eq!(defused, 0);
    }

    #[test]
    fn client_info_may_be_an_object_in_a_string() {
        let (text, _) = rows(&[r#"{"id":"1","clientInfo":"{\"ipAddress\":\"::1\",\"ipCountry\":\"DE\"}"}"#]);
        assert_eq!(text, "1,,,,,,,,,,,,,,::1,DE,,\r\n");
        let (text, _) = rows(&[r#"{"clientInfo":"none","id":"1"}"#]);
        assert!(text.contains("\"{\"\"clientInfo\"\":\"\"none\"\"}\""), "{text}");
    }

    #[test]
    fn each_api_has_columns_of_its_own() {
        let (text, _) = rows_of(
            Schema::Classic,
            &[r#"{"createdOn":"t","category":"User","message":null,"auditLogDetails":"a\r\nb","id":7}"#],
        );
        assert_eq!(text, "t,User,,,,,,,\"a\r\nb\",\"{\"\"id\"\":7}\"\r\n");
        let (text, _) = rows_of(
            Schema::LongTerm,
            &[
                r#"{"Identifier":"i","DateCreatedUtc":"t","Status":1,"ClientInformation":{"a":1},"clientInfo":2}"#,
            ],
        );
        assert_eq!(
            text,
            "i,t,,,,,,,,,1,,,\"{\"\"a\"\":1}\",\"{\"\"clientInfo\"\":2}\"\r\n"
        );
    }

    #[test]
    fn formulas_are_defused_and_numbers_are_not() {
        let (text, defused) = rows(&[
            r#"{"id":"=1+1","createdOn":"-5","actorName":"@me","actorId":"+1.5e3","eventSummary":"-x,\"y\"","eventType":"\tz"}"#,
        ]);
        assert_eq!(
            text,
            "'=1+1,-5,,,,,+1.5e3,'@me,,'\tz,,,\"'-x,\"\"y\"\"\",,,,,\r\n"
        );
        assert_eq!(defused, 4);
    }
}
