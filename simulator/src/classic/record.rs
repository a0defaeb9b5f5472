//! Spells a record of the classic API, and thinks up what such a record tells.

use crate::dice::Dice;
use crate::event::{self, Members, NewEvent};
use crate::instant;
use crate::json::quoted;
use crate::odd;
use crate::spelling::Speller;
use crate::switches::{Bodies, Layout, Odd, Records};

use super::language::HAPPENINGS;

/// Spells a record: documented members in documented order [D], no id. A unified event's target is its category, its
/// type its action, its summary its message.
pub(crate) fn record(records: &Records, event: &NewEvent, filed: i64, rank: u128) -> Vec<u8> {
    let odd = event::odd_of(records, rank);
    let [source, category, action] = &event.what;
    let (_, name, email) = &event.by;
    // Every member but `createdOn` may be null. [D]
    let nulls = odd == Some(Odd::Nulls);
    let text = |text: &str| if nulls { "null".to_owned() } else { quoted(text) };
    let system = event.client.is_none();
    let created_on = instant::spell(filed, event::fraction(records, rank), event::zone(records, rank));
    let mut members = Members(String::with_capacity(512));
    members.text("createdOn", &created_on);
    members.add("category", Some(text(category)));
    members.add("action", Some(text(action)));
    members.add(
        "auditLogDetails",
        event::details(records, &broken_up(&event.details)),
    );
    let name = if system || nulls {
        "null".to_owned()
    } else {
        odd::actor_name(odd, name)
    };
    members.add("userName", Some(name));
    members.add(
        "email",
        Some(match email {
            Some(email) => text(email),
            None if system => "null".to_owned(),
            None => text(""),
        }),
    );
    members.add("message", Some(odd::summary(odd, &event.summary)));
    let version = if event::dice(rank, 6).once_in(40) {
        "null".to_owned()
    } else {
        text("1.0")
    };
    members.add("detailsVersion", Some(version));
    members.add("source", Some(text(source)));
    for (key, value) in odd::more_members(odd) {
        members.add(key, Some(value));
    }
    members.0.push('}');
    members.0.into_bytes()
}

/// Details as the sample shows them: indented, with CR LF. [D]
fn broken_up(details: &str) -> String {
    let bodies = Bodies {
        layout: Layout::CrLf,
        ..Bodies::default()
    };
    let spelled = Speller::new(bodies, 0).event(details.as_bytes(), 0, None);
    String::from_utf8(spelled).unwrap_or_default()
}

/// Who did it: id, name, e-mail address; and from where.
type Actor = ((String, String, Option<String>), Option<(String, String)>);

/// One plausible record.
pub(crate) fn happening(filed: i64, (by, client): Actor, dice: &mut Dice) -> NewEvent {
    let plain = ("", "", "", [""; 4]);
    let happening = HAPPENINGS.get(dice.place(HAPPENINGS.len()));
    let (category, action, source, [english, ..]) = happening.copied().unwrap_or(plain);
    let name = quoted(&by.1);
    let email = quoted(by.2.as_deref().unwrap_or_default());
    let session = dice.below(1_000_000);
    NewEvent {
        at: instant::date(filed),
        id: None,
        what: [source, category, action].map(str::to_owned),
        details: format!(r#"{{"userName":{name},"email":{email},"session":{session}}}"#),
        summary: english.replace("{}", &by.1),
        by,
        status: 0,
        client,
    }
}
