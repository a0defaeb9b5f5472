//! Exclusion rules: what an organization's administrators chose not to record. That there are rules is documented; the
//! members of one are plausible ones. [?]

use chrono::{DateTime, Utc};

use crate::catalog;
use crate::cloud::Home;
use crate::dice::{Dice, guid_text};
use crate::event::NewEvent;
use crate::generate::Batch;
use crate::instant;
use crate::json::quoted;
use crate::switches::{Fraction, Rules, Zone};

/// A rule: events that fit all it names are not recorded. A rule that names nothing excludes everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionRule {
    /// Of that tenant alone, by name.
    pub tenant: Option<String>,
    /// Of that source alone, by name.
    pub source: Option<String>,
    /// Of that target alone, by name.
    pub target: Option<String>,
    /// Of that type alone, by name.
    pub kind: Option<String>,
    /// Of that status alone: 0 success, 1 failure.
    pub status: Option<i64>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_on: DateTime<Utc>,
}

impl ExclusionRule {
    /// Excludes everything of a source.
    pub fn source(name: &str, created_on: DateTime<Utc>) -> Self {
        Self {
            tenant: None,
            source: Some(name.to_owned()),
            target: None,
            kind: None,
            status: None,
            created_by: "ada@example.com".to_owned(),
            created_on,
        }
    }

    /// Whether an event that is to be recorded there fits.
    pub(crate) fn excludes(&self, home: &Home, event: &NewEvent) -> bool {
        let is = |wanted: &Option<String>, told: Option<&str>| wanted.is_none() || wanted.as_deref() == told;
        let [source, target, kind] = event.what.each_ref().map(|name| Some(name.as_str()));
        is(
            &self.tenant,
            home.tenant.as_ref().map(|tenant| tenant.name.as_str()),
        ) && is(&self.source, source)
            && is(&self.target, target)
            && is(&self.kind, kind)
            && self.status.is_none_or(|status| status == event.status)
    }

    /// `home` is the tenant's, or the organization's where the rule names no tenant that is there.
    fn spell(&self, n: u64, home: &Home) -> String {
        let id = guid_text(Dice::of(Dice::of_text(&format!("rule {}", home.stream)).draw(), n).guid());
        let text = |name: Option<&str>| name.map_or_else(|| "null".to_owned(), quoted);
        let tenant = home.tenant.as_ref();
        // Ids are those of the catalog, which nests: a rule without a source has no target by id.
        let names = [&self.source, &self.target, &self.kind];
        let named: Vec<&str> = names.iter().map_while(|name| name.as_deref()).collect();
        let guid = |depth: usize| {
            named
                .get(..depth)
                .map_or_else(|| "null".to_owned(), |names| quoted(&catalog::guid(home, names)))
        };
        let [source, target, kind] = names.map(|name| text(name.as_deref()));
        format!(
            r#"{{"id":"{id}","tenantId":{},"tenantName":{},"sourceId":{},"source":{source},"targetId":{},"target":{target},"typeId":{},"type":{kind},"status":{},"createdBy":{},"createdOn":"{}"}}"#,
            text(tenant.map(|tenant| tenant.id.as_str())),
            text(self.tenant.as_deref()),
            guid(1),
            guid(2),
            guid(3),
            self.status
                .map_or_else(|| "null".to_owned(), |status| status.to_string()),
            quoted(&self.created_by),
            instant::spell(instant::ticks(self.created_on), Fraction::Digits(3), Zone::Z),
        )
    }
}

/// Takes out of generated history what is not to be recorded.
pub(crate) fn exclude(rules: &[ExclusionRule], home: &Home, batch: &Batch, times: &mut Vec<(i64, u32)>) {
    if rules.is_empty() {
        return;
    }
    times.retain(|(filed, n)| {
        let (_, event) = batch.draw(home, *n, *filed);
        !rules.iter().any(|rule| rule.excludes(home, &event))
    });
}

/// The reply's body. `home` finds a tenant's by its name, or the organization's.
pub(crate) fn list<'a>(
    rules: &[ExclusionRule],
    home: impl Fn(Option<&str>) -> Option<&'a Home>,
    switches: Rules,
) -> String {
    let spelled = rules.iter().zip(0..).filter_map(|(rule, n)| {
        let home = home(rule.tenant.as_deref()).or_else(|| home(None))?;
        Some(rule.spell(n, home))
    });
    let list = format!("[{}]", spelled.collect::<Vec<_>>().join(","));
    if switches.wrapped {
        format!(r#"{{"totalCount":{},"rules":{list}}}"#, rules.len())
    } else {
        list
    }
}
