//! Events made up for measuring: of the fields, sizes and likenesses of real ones, the same in each run.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

/// Events in a slice, and in a page.
pub const SLICE: usize = 10_000;
const PAGE: usize = 200;

const PEOPLE: usize = 200;
const ACTIONS: [(&str, &str, &str); 6] = [
    ("Orchestrator", "Job", "Job started"),
    ("Orchestrator", "Job", "Job stopped"),
    ("Orchestrator", "Folders", "Folder deleted"),
    ("Identity", "Authentication", "User Login"),
    ("Apps", "App", "Published app"),
    ("Test Manager", "Test set", "Executed test set"),
];

fn guid(dice: &mut SmallRng) -> String {
    let digits = format!("{:032x}", dice.random::<u128>());
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// The events of a slice, of about 840 bytes each, oldest first: some hours of two days.
pub fn lines() -> Vec<String> {
    let mut dice = SmallRng::seed_from_u64(6);
    let people: Vec<String> = (0..PEOPLE).map(|_| guid(&mut dice)).collect();
    let folders: Vec<String> = (0..30).map(|_| guid(&mut dice)).collect();
    let mut time = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_600) + TimeDelta::hours(20);
    let mut line = |_| {
        time += TimeDelta::milliseconds(dice.random_range(0..3000));
        let person = dice.random_range(0..PEOPLE);
        let folder = dice.random_range(0..30);
        let (source, target, action) = ACTIONS.get(dice.random_range(0..6)).copied().unwrap_or_default();
        format!(
            concat!(
                r#"{{"id":"{id}","createdOn":"{time}","organizationId":"e24362cf-34b1-444b-990f-4f88f1d741f8","#,
                r#""organizationName":"acme","tenantId":"676108ae-79c3-4d35-8cf1-d381c5a878d4","tenantName":"production","#,
                r#""actorId":"{actor}","actorName":"Person {person}","actorEmail":"person.{person}@example.com","#,
                r#""eventType":"{action}","eventSource":"{source}","eventTarget":"{target}","#,
                r#""eventDetails":"{{\"key\":\"{key}\",\"processName\":\"Process {process}\",\"folderName\":\"Shared/{folder}\","#,
                r#"\"folderKey\":\"{folder_key}\",\"origin\":\"Trigger\",\"timeBudgetSeconds\":{seconds},\"reason\":null}}","#,
                r#""eventSummary":"{action} of 'Process {process}' in folder 'Shared/{folder}' by Person {person} succeeded","#,
                r#""status":0,"clientInfo":{{"ipAddress":"198.51.100.{person}","ipCountry":"JP"}}}}"#,
            ),
            id = guid(&mut dice),
            time = time.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
            actor = people.get(person).map_or("", String::as_str),
            person = person,
            action = action,
            source = source,
            target = target,
            key = guid(&mut dice),
            process = dice.random_range(0..60),
            folder = folder,
            folder_key = folders.get(folder).map_or("", String::as_str),
            seconds = dice.random_range(0..4000),
        )
    };
    (0..SLICE).map(&mut line).collect()
}

/// Replies with those events, newest first.
pub fn pages() -> Vec<Bytes> {
    let mut lines = lines();
    lines.reverse();
    let page = |events: &[String]| {
        let events = events.join(",");
        let link = "/acme/production/tenantaudit_/api/query/events?before=17&maxCount=200";
        Bytes::from(format!(
            r#"{{"auditEvents":[{events}],"next":null,"previous":"{link}"}}"#
        ))
    };
    lines.chunks(PAGE).map(page).collect()
}
