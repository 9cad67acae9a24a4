//! What a command is given beside its options: ids, and secrets, which are never on the command line.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use engine_core::access::KeyId;
use engine_core::field::FieldError;
use zeroize::Zeroizing;

use crate::error::Error;

/// Most bytes of a secret; a token with many roles has a few thousand.
const MAX_SECRET: u64 = 16 * 1024;
/// Digits of a code of the second factor.
const CODE_DIGITS: usize = 6;

/// A code of somebody's second factor, as it was given. It is good for half a minute, and is shown by nothing.
#[derive(Clone)]
pub(crate) struct Code(Zeroizing<String>);

impl From<String> for Code {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

impl Code {
    /// The code's digits, where it has as many as a code has. Spaces between them, as authenticators show them, are dropped.
    pub(crate) fn digits(&self) -> Result<Zeroizing<String>, Error> {
        let digits = Zeroizing::new(self.0.replace(' ', "").trim().to_owned());
        if digits.len() == CODE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(digits);
        }
        let message = format!("must be {CODE_DIGITS} digits");
        Err(Error::Invalid(vec![FieldError::new("totp", message)]))
    }
}

/// The secret that the first of these environment variables holds which holds anything.
pub(crate) fn variable(names: &[&'static str]) -> Result<Option<Zeroizing<String>>, Error> {
    for name in names {
        let Some(held) = std::env::var_os(name).filter(|held| !held.is_empty()) else { continue };
        let text = held.into_string().map_err(|_| Error::NotASecret((*name).to_owned()))?;
        return one_word(name, &Zeroizing::new(text)).map(Some);
    }
    Ok(None)
}

/// The secret that a file holds.
pub(crate) fn file(path: &Path) -> Result<Zeroizing<String>, Error> {
    let open = |cause| Error::Open { path: path.to_owned(), cause };
    let file = File::open(path).map_err(open)?;
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_SECRET).read_to_string(&mut text).map_err(open)?;
    one_word(&path.display().to_string(), &text)
}

/// The secret that a file holds, or without a file the next line of standard input, asked for where somebody sits there.
pub(crate) fn file_or_line(path: Option<&PathBuf>, prompt: &str) -> Result<Zeroizing<String>, Error> {
    match path {
        Some(path) => file(path),
        None => one_word("standard input", &line(prompt)?.unwrap_or_default()),
    }
}

/// The next line of standard input, asked for where somebody sits there; `None` at its end.
pub(crate) fn line(prompt: &str) -> Result<Option<Zeroizing<String>>, Error> {
    let input = io::stdin();
    if input.is_terminal() {
        eprint!("{prompt}: ");
    }
    let mut text = Zeroizing::new(String::new());
    let read = input.lock().take(MAX_SECRET).read_line(&mut text).map_err(Error::Read)?;
    Ok((read > 0).then_some(text))
}

/// A code, from whoever sits at the terminal; `None` where nobody does.
pub(crate) fn ask_for_code() -> Result<Option<Code>, Error> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let text = line("Code of your second factor")?;
    Ok(text.map(|text| Code::from(text.trim().to_owned())))
}

/// A secret without the white space around it. What it is not is said without quoting it.
fn one_word(place: &str, text: &str) -> Result<Zeroizing<String>, Error> {
    let word = Zeroizing::new(text.trim().to_owned());
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(word)
    } else {
        Err(Error::NotASecret(place.to_owned()))
    }
}

/// The id of an API key.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Error> {
    KeyId::parse(text).map_err(|_| Error::NotAnId {
        // Whoever pastes the whole key here must not find it in the terminal's history twice.
        text: if text.len() > 20 { "the text given".to_owned() } else { text.to_owned() },
        expected: "a key id: the 12 letters and digits after bre_<environment>_",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_and_shows_itself_to_nobody() {
        for (text, digits) in
            [("123456", true), (" 123 456\n", true), ("12345", false), ("１２３４５６", false), ("", false)]
        {
            let code = Code::from(text.to_owned());
            assert_eq!(code.digits().is_ok_and(|digits| *digits == "123456"), digits, "{text}");
            assert_eq!(format!("{code:?}"), "Code");
        }
        let refused = Code::from("12345x".to_owned()).digits().unwrap_err().to_string();
        assert_eq!(refused, "--totp must be 6 digits");
    }

    #[test]
    fn a_secret_is_one_word_and_is_not_quoted_where_it_is_none() {
        let word = |text: &str| one_word("ENGINE_TOKEN", text);
        assert_eq!(word(" abc.def\n").unwrap().as_str(), "abc.def");
        for bad in ["", "  ", "two words", "line\nsecret", "é"] {
            let error = word(bad).unwrap_err();
            assert!(matches!(&error, Error::NotASecret(place) if place == "ENGINE_TOKEN"));
            assert!(!error.to_string().contains("secret\n") && !error.to_string().contains("two words"), "{error}");
        }
    }
}
