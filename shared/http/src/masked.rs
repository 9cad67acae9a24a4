//! A path as it may be logged and recorded: people paste whole credentials where an id belongs.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Characters of a path that are kept.
const LONGEST: usize = 256;
/// Times that a segment is decoded. One that is still encoded then hides something.
const DECODED: usize = 4;
/// What stands where something was taken out.
const MASK: &str = "***";

/// The path with the secret part of every credential taken out, encoded or not, and at most 256 characters of it.
pub(crate) fn masked(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(segment).collect();
    segments.join("/").chars().take(LONGEST).collect()
}

/// A segment as it came, unless a credential is in it: then as it is decoded, up to the secret.
fn segment(raw: &str) -> Cow<'_, str> {
    // Decoded as far as it goes before anything is looked for: part of a secret may be encoded.
    let mut text = Cow::Borrowed(raw);
    for _ in 0..DECODED {
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            let mut starts = text.match_indices(['b', 'B']).map(|(start, _)| start);
            let secret = starts.find_map(|start| Some(start + secret_in(text.get(start..)?)?));
            let head = secret.and_then(|secret| text.get(..secret));
            return head.map_or(Cow::Borrowed(raw), |head| Cow::Owned(format!("{head}{MASK}")));
        }
        text = Cow::Owned(decoded);
    }
    Cow::Borrowed(MASK)
}

/// Where the secret begins, if the text begins with a credential. One that was pasted in capitals is one that was typed, too.
fn secret_in(text: &str) -> Option<usize> {
    let mut parts = text.splitn(4, '_');
    let (prefix, environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let known = matches!(prefix.to_ascii_lowercase().as_bytes(), [b'b', b'r', b'e' | b'c' | b't' | b'f' | b'v' | b's']);
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (known && plain(environment) && plain(id) && !secret.is_empty()).then(|| text.len() - secret.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg123456";

    #[test]
    fn the_secret_of_a_credential_of_any_kind_is_taken_out_and_its_id_stays() {
        for prefix in ["bre", "brc", "brt", "brf", "brv", "brs", "BRE"] {
            let path = format!("/admin/api-keys/{prefix}_live_AAAAAAAAAAAA_{SECRET}/rotate");
            assert_eq!(masked(&path), format!("/admin/api-keys/{prefix}_live_AAAAAAAAAAAA_***/rotate"));
        }
    }

    #[test]
    fn so_it_is_wherever_it_stands_in_a_segment_and_however_it_is_encoded() {
        let key = format!("bre_live_AAAAAAAAAAAA_{SECRET}");
        let twice = key.replace('_', "%5F").replace('%', "%25");
        for path in [
            format!("/x/{key}"),
            format!("/x/key:{key}.txt"),
            format!("/x/bre_bre_live_AAAAAAAAAAAA_{SECRET}"),
            format!("/x/{key}{key}"),
            format!("/x/{key},{key}"),
            format!("/x/{}", key.replace('_', "%5f")),
            format!("/x/{}", key.replacen("bre", "%62r%65", 1)),
            format!("/x/{}", key.replacen("0123", "0%3123", 1)),
            format!("/x/{}", key.replacen("0123", "-0123", 1)),
            format!("/x/{}", key.replacen("0123", "x%zz0123", 1)),
            format!("/x/a%2F{key}"),
            format!("/x/%FF%20{key}"),
            format!("/x/{twice}"),
            format!("/x/{}", twice.replace('%', "%2525")),
            format!("/{}/{key}", "\u{e4}".repeat(240)),
        ] {
            let masked = masked(&path);
            assert!(!masked.contains("0123456789"), "{path}: {masked}");
            assert!(masked.contains('*') || masked.chars().count() == LONGEST, "{path}: {masked}");
        }
    }

    #[test]
    fn any_other_path_stays_as_it_came_as_far_as_it_is_kept() {
        for path in [
            "/",
            "/api/v1/rates/AAPL",
            "/admin/api-keys/AAAAAAAAAAAA",
            "/x/bre_live_AAAAAAAAAAAA",
            "/x/bre_live_AAAAAAAAAAAA_",
            "/x/bra_live_AAAAAAAAAAAA_x",
            "/x/a%20b%2Fc%",
            "/x/b\u{e4}r_b",
        ] {
            assert_eq!(masked(path), path);
        }
        assert_eq!(masked(&"\u{e4}".repeat(1000)), "\u{e4}".repeat(256));
    }
}
