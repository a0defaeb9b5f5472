//! Numbers and times for people.

use maud::{Markup, html};

use crate::{
    clock::{Time, spell},
    status::{PassResult, State, span},
};

pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Idle => "Idle",
        State::Running => "Running",
        State::Standby => "Standing by",
        State::Failing => "Failing",
        State::NeedsPerson => "Needs a person",
    }
}

pub(super) fn result(result: PassResult) -> &'static str {
    match result {
        PassResult::Done => "done",
        PassResult::Interrupted => "interrupted",
        PassResult::Standby => "stood by",
        PassResult::Failed => "failed",
    }
}

/// `1,204`
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 event`, `1,204 events`
pub(super) fn count(of: u64, word: &str) -> String {
    let plural = if of == 1 { "" } else { "s" };
    format!("{} {word}{plural}", number(of))
}

/// A time, to the minute.
pub(super) fn moment(time: Time) -> Markup {
    html! { time datetime=(spell(time)) title=(spell(time)) { (time.format("%Y-%m-%d %H:%M").to_string()) } }
}

/// From when to when: to the minute, or as exactly as it takes to tell them apart.
pub(super) fn window(from: Time, to: Time) -> [Markup; 2] {
    let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.3f"];
    let ways = formats.map(|format| [from, to].map(|time| time.format(format).to_string()));
    let [.., exact] = &ways;
    let [begins, ends] = ways.iter().find(|[from, to]| from != to).unwrap_or(exact);
    [(from, begins), (to, ends)].map(|(time, text)| {
        html! { time datetime=(spell(time)) title=(spell(time)) { (text) } }
    })
}

/// How long ago, or how soon.
pub(super) fn relative(time: Time, now: Time) -> Markup {
    let seconds = (now - time).num_seconds();
    let text = match seconds {
        0 => "now".to_owned(),
        1.. => format!("{} ago", span(seconds)),
        _ => format!("in {}", span(-seconds)),
    };
    html! { time datetime=(spell(time)) title=(spell(time)) { (text) } }
}

/// How long from one to the other.
pub(super) fn since(from: Time, now: Time) -> String {
    span((now - from).num_seconds().max(0))
}

/// `3.1 s`, `412 ms`
pub(super) fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds / 100 % 10),
        _ => span(i64::try_from(milliseconds / 1_000).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, number, took, window};
    use crate::clock::Time;

    #[test]
    fn numbers_can_be_read() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!((&*count(1, "day"), &*count(2, "day")), ("1 day", "2 days"));
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn the_ends_of_a_window_never_read_the_same() {
        let time = |text: &str| format!("2026-11-22T{text}Z").parse::<Time>().unwrap();
        for (from, to, texts) in [
            ("12:06:10", "12:07:09", ["12:06", "12:07"]),
            ("12:06:10", "12:06:43", ["12:06:10", "12:06:43"]),
            ("12:06:10.250", "12:06:10.750", ["12:06:10.250", "12:06:10.750"]),
        ] {
            let shown = window(time(from), time(to)).map(maud::PreEscaped::into_string);
            for (end, text) in shown.iter().zip(texts) {
                assert!(end.contains(&format!(">2026-11-22 {text}</time>")), "{end}");
            }
        }
    }

    #[test]
    fn spans_are_told_in_fitting_units() {
        for (milliseconds, text) in [
            (7, "7 ms"),
            (3_140, "3.1 s"),
            (59_999, "59.9 s"),
            (75_000, "1m 15s"),
        ] {
            assert_eq!(took(milliseconds), text);
        }
    }
}
