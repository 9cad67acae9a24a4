//! What several routes read alike.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_core::access::review::Decision;
use engine_core::access::{ClientId, KeyId, PrincipalId};
use engine_core::field::FieldReader;
use engine_http::problem::Problem;
use engine_http::step_up;

use crate::call::Call;

/// Items in a page unless asked otherwise, and at most.
const PAGE: (u64, u64) = (20, 100);
/// Longest reason, in characters.
const MAX_REASON: usize = 1000;

/// The key that the path names.
pub(crate) fn key_id(call: &Call<'_>) -> Result<KeyId, Problem> {
    KeyId::parse(call.parameter("key_id")).map_err(|_| Problem::resource_not_found())
}

/// The client that the path names.
pub(crate) fn client_id(call: &Call<'_>) -> Result<ClientId, Problem> {
    ClientId::parse(call.parameter("client_id")).map_err(|_| Problem::resource_not_found())
}

/// The account that the path names.
pub(crate) fn principal_id(call: &Call<'_>) -> Result<PrincipalId, Problem> {
    PrincipalId::parse(call.parameter("principal_id")).map_err(|_| Problem::resource_not_found())
}

/// A field of so many characters, spaces around them left out. Nothing in it moves a terminal's cursor.
pub(crate) fn words(reader: &mut FieldReader<'_>, field: &str, length: RangeInclusive<usize>) -> Option<String> {
    reader.text(field, |text| {
        let text = text.trim();
        if length.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            Ok(text.to_owned())
        } else {
            Err(format!("must be {} to {} characters, none of them control characters", length.start(), length.end()))
        }
    })
}

/// The fields `decision` and `note` of a review.
pub(crate) fn decision(call: &Call<'_>) -> Result<(Decision, String), Problem> {
    let mut reader = FieldReader::new(call.fields);
    let named = |name: &str| Decision::from_name(name).ok_or("must be keep, reduce or remove");
    let decision = reader.text("decision", named);
    let note = words(&mut reader, "note", 1..=MAX_REASON);
    reader.unknown(&["decision", "note", step_up::FIELD]);
    reader.finish(decision.zip(note)).map_err(Problem::invalid)
}

/// The field `reason`: 1 to 1,000 characters that say why.
pub(crate) fn reason(reader: &mut FieldReader<'_>) -> Option<String> {
    reader.text("reason", |text| {
        let text = text.trim();
        if (1..=MAX_REASON).contains(&text.chars().count()) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 1000 characters")
        }
    })
}

/// The query parameter `limit`: 1 to 100, 20 unless given.
pub(crate) fn limit(reader: &mut FieldReader<'_>) -> Option<usize> {
    let limit = if reader.has("limit") { reader.integer("limit", (1, PAGE.1)) } else { Some(PAGE.0) };
    limit.and_then(|limit| usize::try_from(limit).ok())
}

/// The query parameter `cursor`, where it is given, as `parse` understands what it stands for.
pub(crate) fn cursor<T>(reader: &mut FieldReader<'_>, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if !reader.has("cursor") {
        return None;
    }
    reader.text("cursor", |cursor| {
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.as_deref().and_then(parse).ok_or("must be a next_cursor of this list")
    })
}

/// A place in a list as callers are told it.
pub(crate) fn write_cursor(place: impl std::fmt::Display) -> String {
    URL_SAFE_NO_PAD.encode(place.to_string())
}

/// Refuses every field of a body that has none.
pub(crate) fn no_fields(call: &Call<'_>, known: &[&str]) -> Result<(), Problem> {
    let mut reader = FieldReader::new(call.fields);
    reader.unknown(known);
    reader.finish(Some(())).map_err(Problem::invalid)
}
