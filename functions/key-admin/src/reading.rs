//! What several routes read alike.

use std::ops::RangeInclusive;

use engine_core::access::review::Decision;
use engine_core::access::{ClientId, KeyId, PrincipalId};
use engine_core::field::FieldReader;
use engine_http::problem::Problem;
use engine_http::step_up;

use crate::call::Call;

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

/// A field of so many characters, spaces around them left out: what people read before they decide.
pub(crate) fn words(reader: &mut FieldReader<'_>, field: &str, length: RangeInclusive<usize>) -> Option<String> {
    reader.text(field, |text| {
        let text = text.trim();
        if length.contains(&text.chars().count()) && !text.chars().any(deceives) {
            return Ok(text.to_owned());
        }
        let (least, most) = (length.start(), length.end());
        Err(format!("must be {least} to {most} characters, none of them a control or format character"))
    })
}

/// Whether a character makes a text look like another: it moves a terminal's cursor, changes the direction of what follows
/// or has no width.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
        )
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
    words(reader, "reason", 1..=MAX_REASON)
}

/// Refuses every field of a body that has none.
pub(crate) fn no_fields(call: &Call<'_>, known: &[&str]) -> Result<(), Problem> {
    let mut reader = FieldReader::new(call.fields);
    reader.unknown(known);
    reader.finish(Some(())).map_err(Problem::invalid)
}

#[cfg(test)]
mod tests {
    use engine_core::field::Fields;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Option<String> {
        let fields = Fields::from_json(&json!({ "field": text }).to_string()).unwrap();
        words(&mut FieldReader::new(&fields), "field", 3..=10)
    }

    #[test]
    fn words_are_counted_in_characters_without_the_spaces_around_them() {
        for (text, words) in [
            ("abc", Some("abc")),
            ("  abc \n", Some("abc")),
            ("ab", None),
            ("      ", None),
            ("0123456789", Some("0123456789")),
            ("0123456789x", None),
            ("Zo\u{eb} \u{5d0}\u{5d1} \u{1f600}", Some("Zo\u{eb} \u{5d0}\u{5d1} \u{1f600}")),
            ("\u{2018}quoted\u{2019}", Some("\u{2018}quoted\u{2019}")),
        ] {
            assert_eq!(read(text).as_deref(), words, "{text:?}");
        }
    }

    #[test]
    fn no_character_of_a_text_makes_it_look_like_another() {
        let refused = [
            ('\u{0}', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{2064}'),
            ('\u{2066}', '\u{206f}'),
            ('\u{feff}', '\u{feff}'),
        ];
        for character in refused.into_iter().flat_map(|(first, last)| first..=last) {
            assert_eq!(read(&format!("ab{character}cd")), None, "{character:?}");
        }
    }
}
