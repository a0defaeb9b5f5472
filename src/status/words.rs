//! Words and spans of time for people, alike wherever a status is shown.

use super::{LastError, State, TargetStatus, WebhookStatus};

impl TargetStatus {
    /// What is wrong now. None: nothing is, or it is over.
    #[must_use]
    pub fn trouble(&self) -> Option<&LastError> {
        let wrong = self.failures > 0 || matches!(self.state, State::Failing | State::NeedsPerson);
        self.last_error.as_ref().filter(|_| wrong)
    }

    /// Its announcements, if they fail now.
    #[must_use]
    pub fn unannounced(&self) -> Option<&WebhookStatus> {
        self.webhook.as_ref().filter(|webhook| webhook.failures > 0)
    }
}

/// Seconds for people: the two largest units.
#[must_use]
pub fn span(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{seconds}s"),
        (0, 0, _) => format!("{sign}{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{sign}{hours}h {minutes}m"),
        _ => format!("{sign}{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_lag_is_told_in_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (-3, "-3s"),
            (75, "1m 15s"),
            (3600, "1h 0m"),
            (90_061, "1d 1h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
