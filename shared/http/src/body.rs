//! What a request carries: a JSON object or query parameters, as [`Fields`].

use engine_core::field::Fields;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use lambda_http::{Request, RequestExt};

use crate::problem::Problem;

/// The fields of a JSON body of at most `limit_bytes`.
pub fn read_fields(request: &Request, limit_bytes: usize) -> Result<Fields, Problem> {
    if !is_json(request) {
        return Err(Problem::unsupported_media_type());
    }
    let bytes: &[u8] = request.body().as_ref();
    if bytes.len() > limit_bytes {
        return Err(Problem::body_too_large(limit_bytes));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| Problem::malformed_body().with_internal(error.to_string()))?;
    Fields::from_json(text).map_err(|error| {
        // The parser's own text may quote the body; where and of what kind is enough.
        let place = format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column());
        Problem::malformed_body().with_internal(place)
    })
}

/// The query parameters. One given twice is there as repeated, which every reader refuses.
#[must_use]
pub fn query_fields(request: &Request) -> Fields {
    match request.query_string_parameters_ref() {
        Some(parameters) => Fields::from_pairs(parameters.iter()),
        None => Fields::default(),
    }
}

/// Whether the body says that it is plain `application/json` in UTF-8.
fn is_json(request: &Request) -> bool {
    let Some(content_type) = only_value(request, &CONTENT_TYPE) else { return false };
    let encoded = request.headers().contains_key(CONTENT_ENCODING)
        && !only_value(request, &CONTENT_ENCODING).is_some_and(|value| value.eq_ignore_ascii_case("identity"));
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    !encoded && media_type.eq_ignore_ascii_case("application/json") && parts.all(is_harmless)
}

/// Any parameter but a charset other than UTF-8.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    }
}

fn only_value<'a>(request: &'a Request, name: &HeaderName) -> Option<&'a str> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
