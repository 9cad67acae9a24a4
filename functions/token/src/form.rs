//! A form (`application/x-www-form-urlencoded`, WHATWG URL section 5.1), read strictly: what two readers could understand
//! differently is not understood here at all.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// The fields of a form that have a value. A field sent without one counts as left out (RFC 6749 section 3.2). Values may be
/// secrets.
pub(crate) struct Form(BTreeMap<String, Zeroizing<String>>);

/// The text is not a form, or has a field twice. Where is not said: the text may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormError;

impl Form {
    /// Reads a form.
    pub(crate) fn parse(text: &str) -> Result<Self, FormError> {
        let mut fields = BTreeMap::new();
        for pair in text.split('&').filter(|_| !text.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name.is_empty() || fields.insert(name.to_string(), value).is_some() {
                return Err(FormError);
            }
        }
        fields.retain(|_, value| !value.is_empty());
        Ok(Self(fields))
    }

    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

/// A name or value decoded: printable ASCII, `+` for a space, `%` before two hexadecimal digits, UTF-8 in the end.
pub(crate) fn decode(text: &str) -> Result<Zeroizing<String>, FormError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, tail) = tail.split_first_chunk::<2>().ok_or(FormError)?;
                let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
                let byte = high.zip(low).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                bytes.push(byte.ok_or(FormError)?);
                rest = tail;
            }
            other if other.is_ascii_graphic() => bytes.push(*other),
            _ => return Err(FormError),
        }
    }
    std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| FormError)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_decoded_and_those_without_a_value_left_out() {
        let form = Form::parse("grant_type=client_credentials&scope=rates%3Aview+keys%3aread&a=&b&c=x=y").unwrap();
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!(form.get("scope"), Some("rates:view keys:read"));
        assert_eq!((form.get("a"), form.get("b"), form.get("d")), (None, None, None));
        assert_eq!(form.get("c"), Some("x=y"));
        assert!(Form::parse("").is_ok());
    }

    #[test]
    fn what_could_be_understood_in_two_ways_is_refused() {
        for (rule, text) in [
            ("a field twice", "scope=a&scope=b"),
            ("twice, once without a value", "scope=&scope=b"),
            ("twice, once escaped", "scope=a&%73cope=b"),
            ("a pair that is empty", "a=1&&b=2"),
            ("a pair at the end that is empty", "a=1&"),
            ("a value without a name", "=1"),
            ("an escape cut short", "a=%2"),
            ("an escape without digits", "a=%zz"),
            ("a signed escape", "a=%+1"),
            ("a bare space", "a=b c"),
            ("a control character", "a=b\nc"),
            ("a character beyond ASCII", "a=\u{e4}"),
            ("not UTF-8", "a=%ff"),
        ] {
            assert_eq!(Form::parse(text).err(), Some(FormError), "{rule}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_from_its_encoding(text in ".*") {
            let mut encoded = String::new();
            for byte in text.bytes() {
                match byte {
                    b' ' => encoded.push('+'),
                    letter if letter.is_ascii_alphanumeric() => encoded.push(char::from(letter)),
                    other => write!(encoded, "%{other:02X}").unwrap(),
                }
            }
            let decoded = decode(&encoded).unwrap();
            prop_assert_eq!(decoded.as_str(), text);
        }

        #[test]
        fn no_text_at_all_makes_it_panic(text in any::<String>()) {
            let _ = Form::parse(&text);
        }
    }
}
