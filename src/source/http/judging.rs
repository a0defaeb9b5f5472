//! What an answer is: a success that can be read, or which failure.

use std::sync::Arc;

use url::Url;

use super::{
    super::{
        line::refusal,
        refusal::{Refusal, line, looks_like_html, titled},
        wire::{Answer, Ask},
    },
    HttpError, NotExpected, Place, Received, Scene, origin,
};

/// Tells a success from what a person, or a later pass, has to mend.
pub(super) fn judge(ask: Ask<'_>, answer: Answer, scene: &Arc<Scene>) -> Result<Answer, HttpError> {
    let url = ask.url();
    let at = Place::from(url);
    let scene = Arc::clone(scene);
    let refusal = |answer: &Answer| -> Refusal { refusal(answer, ask) };
    match answer.status {
        200..300 => Ok(answer),
        300..400 => Err(HttpError::Redirected {
            at,
            status: answer.status,
            to: redirect(url, &answer),
            scene,
        }),
        400 | 405 | 415 => Err(HttpError::NotUnderstood {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        401 => Err(HttpError::Unauthorized {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        403 => Err(HttpError::Forbidden {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        404 => Err(HttpError::NotFound {
            at,
            refusal: refusal(&answer),
            scene,
        }),
        _ => Err(HttpError::Refused {
            at,
            refusal: refusal(&answer),
        }),
    }
}

/// Where a redirect points: the origin alone.
fn redirect(url: &Url, answer: &Answer) -> String {
    match answer.location.as_deref().map(|location| url.join(location)) {
        None => "nowhere".to_owned(),
        Some(Err(_)) => "an address that cannot be read".to_owned(),
        Some(Ok(to)) if to.origin() == url.origin() => "another path of the same server".to_owned(),
        Some(Ok(to)) => format!("`{}`", origin(&to)),
    }
}

/// What a success brought.
pub(super) fn received(answer: &Answer) -> Received {
    Received {
        bytes: answer.body.clone(),
        is_whole: answer.is_whole,
    }
}

/// A success whose body is not what was asked for.
pub(super) fn unexpected(
    ask: Ask<'_>,
    answer: &Answer,
    scene: &Arc<Scene>,
    error: &impl NotExpected,
) -> HttpError {
    let (url, token, body) = (ask.url(), ask.secret(), &answer.body);
    if error.is_limit() {
        return HttpError::OverLimit {
            at: Place::from(url),
            problem: line(&error.to_string(), token),
        };
    }
    let start = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let page = looks_like_html(&start);
    let problem = if body.is_empty() {
        "it is empty".to_owned()
    } else if page {
        format!("it is {}", line(&titled(&start), token))
    } else {
        line(&error.to_string(), token)
    };
    let at = Place::from(url);
    if let Ask::Download { .. } = ask {
        return HttpError::NoFile {
            at,
            problem,
            scene: Arc::clone(scene),
        };
    }
    HttpError::Unexpected {
        at,
        problem,
        page,
        scene: Arc::clone(scene),
    }
}
