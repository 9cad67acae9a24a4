//! What lists read and tell alike: how many items, and where the next page begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_core::field::FieldReader;

/// Items in a page unless asked otherwise, and at most.
const PAGE: (u64, u64) = (20, 100);

/// The query parameter `limit`: 1 to 100, 20 unless given.
pub fn limit(reader: &mut FieldReader<'_>) -> Option<usize> {
    let limit = if reader.has("limit") { reader.integer("limit", (1, PAGE.1)) } else { Some(PAGE.0) };
    limit.and_then(|limit| usize::try_from(limit).ok())
}

/// The query parameter `cursor`, where it is given, as `parse` understands what it stands for.
pub fn cursor<T>(reader: &mut FieldReader<'_>, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if !reader.has("cursor") {
        return None;
    }
    reader.text("cursor", |cursor| {
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.as_deref().and_then(parse).ok_or("must be a next_cursor of this list")
    })
}

/// A place in a list as callers are told it.
pub fn write_cursor(place: impl std::fmt::Display) -> String {
    URL_SAFE_NO_PAD.encode(place.to_string())
}
