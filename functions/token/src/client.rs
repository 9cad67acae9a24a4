//! The credential of a service account, as RFC 6749 section 2.3.1 has it presented: by HTTP Basic, or in the form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::Request;
use lambda_http::http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::form::{Form, decode};
use crate::refusal::{OauthError, Refusal};

/// Who says to ask, and the secret that is to prove it.
pub(crate) struct Presented {
    /// The account's name.
    pub id: Zeroizing<String>,
    /// The secret, not yet judged.
    pub secret: Zeroizing<String>,
}

/// The credential, which is presented in one way only; beside HTTP Basic the body may repeat the client's id, as RFC 6749
/// section 3.2.1 lets it. Whatever is wrong with it, the answer is the same.
pub(crate) fn presented(request: &Request, form: &Form) -> Result<Presented, Refusal> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    match (headers.next(), headers.next()) {
        (None, _) => {
            let (id, secret) = form.get("client_id").zip(form.get("client_secret")).ok_or_else(refused)?;
            Ok(Presented { id: Zeroizing::new(id.to_owned()), secret: Zeroizing::new(secret.to_owned()) })
        }
        (Some(_), None) if form.get("client_secret").is_some() => {
            Err(malformed("The client authenticates in the header or in the body, not in both."))
        }
        (Some(value), None) => {
            let presented = value.to_str().ok().and_then(basic).ok_or_else(refused)?;
            if form.get("client_id").is_some_and(|id| id != presented.id.as_str()) {
                return Err(malformed("The header and the body name different clients."));
            }
            Ok(presented)
        }
        (Some(_), Some(_)) => Err(malformed("The header Authorization is repeated.")),
    }
}

/// RFC 7617, with id and secret encoded as in a form.
fn basic(value: &str) -> Option<Presented> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = Zeroizing::new(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?);
    let (id, secret) = std::str::from_utf8(&credentials).ok()?.split_once(':')?;
    Some(Presented { id: decode(id).ok()?, secret: decode(secret).ok()? })
}

fn refused() -> Refusal {
    Refusal::client("no credential that can be read", None)
}

fn malformed(description: &'static str) -> Refusal {
    Refusal::bad(OauthError::InvalidRequest, description)
}
