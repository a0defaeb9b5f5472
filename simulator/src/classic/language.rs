//! The message of a record in other languages: `language` changes nothing else. [I]

use crate::json;
use crate::spelling::Speller;
use crate::switches::Bodies;

/// What happens, and its message in English, German, French and Japanese. Categories and actions are the public
/// record's, as far as it names them. [D]
pub(crate) type Happening = (&'static str, &'static str, &'static str, [&'static str; 4]);

pub(crate) const HAPPENINGS: &[Happening] = &[
    (
        "User",
        "Login",
        "Cis",
        [
            "User '{}' logged in",
            "Benutzer '{}' hat sich angemeldet",
            "L'utilisateur '{}' s'est connecté",
            "ユーザー '{}' がログインしました",
        ],
    ),
    (
        "Users",
        "Invite",
        "Cis",
        [
            "User '{}' was invited",
            "Benutzer '{}' wurde eingeladen",
            "L'utilisateur '{}' a été invité",
            "ユーザー '{}' が招待されました",
        ],
    ),
    (
        "Users",
        "Accept Invite",
        "Cis",
        [
            "User '{}' accepted the invitation",
            "Benutzer '{}' hat die Einladung angenommen",
            "L'utilisateur '{}' a accepté l'invitation",
            "ユーザー '{}' が招待を承諾しました",
        ],
    ),
    (
        "Service",
        "Enable",
        "Oms",
        [
            "A service was enabled by '{}'",
            "Ein Dienst wurde von '{}' aktiviert",
            "Un service a été activé par '{}'",
            "'{}' がサービスを有効化しました",
        ],
    ),
    (
        "License Management",
        "Update",
        "Lrm",
        [
            "'{}' changed the license allocation",
            "'{}' hat die Lizenzzuweisung geändert",
            "'{}' a modifié l'allocation des licences",
            "'{}' がライセンスの割り当てを変更しました",
        ],
    ),
    (
        "Organization Settings",
        "Update",
        "Oms",
        [
            "'{}' changed the organization settings",
            "'{}' hat die Organisationseinstellungen geändert",
            "'{}' a modifié les paramètres de l'organisation",
            "'{}' が組織の設定を変更しました",
        ],
    ),
    (
        "Policy",
        "Deploy To Tenant",
        "AutomationOps",
        [
            "'{}' deployed a policy to a tenant",
            "'{}' hat eine Richtlinie für einen Mandanten bereitgestellt",
            "'{}' a déployé une stratégie sur un locataire",
            "'{}' がポリシーをテナントに展開しました",
        ],
    ),
];

/// Whether a language is the one that records are kept in; that goes for none, too.
pub(crate) fn is_english(language: &str) -> bool {
    matches!(short(language).as_str(), "" | "en")
}

/// A record with its message in another language. A message that is not known by heart gets the language's name in
/// front, so that it differs as well.
pub(crate) fn translate(raw: &[u8], language: &str) -> Vec<u8> {
    if is_english(language) {
        return raw.to_vec();
    }
    let Some(message) = json::member(raw, "message").and_then(json::text) else {
        return raw.to_vec();
    };
    let language = short(language);
    let said = said(&message, &language).unwrap_or_else(|| format!("[{language}] {message}"));
    Speller::new(Bodies::default(), 0).event_with(raw, 0, Some(("message", &said)))
}

fn short(language: &str) -> String {
    let short = language.split(['-', '_']).next().unwrap_or_default();
    short.to_ascii_lowercase()
}

fn said(message: &str, language: &str) -> Option<String> {
    let at = ["en", "de", "fr", "ja"]
        .iter()
        .position(|known| *known == language)?;
    HAPPENINGS.iter().find_map(|(.., said)| {
        let (before, after) = said.first()?.split_once("{}")?;
        let name = message.strip_prefix(before)?.strip_suffix(after)?;
        Some(said.get(at)?.replace("{}", name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_in_the_language_asked_for() {
        let raw = br#"{"createdOn":"x","message":"User 'Ada' logged in","source":"Cis"}"#;
        assert_eq!(translate(raw, "en-US"), raw);
        let told = |language| json::member(&translate(raw, language), "message").and_then(json::text);
        assert_eq!(told("de").as_deref(), Some("Benutzer 'Ada' hat sich angemeldet"));
        assert_eq!(
            told("fr-FR").as_deref(),
            Some("L'utilisateur 'Ada' s'est connecté")
        );
        assert_eq!(told("tr").as_deref(), Some("[tr] User 'Ada' logged in"));
    }
}
