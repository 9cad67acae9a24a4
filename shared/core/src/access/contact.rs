//! E-mail addresses of clients' contacts: personal data, shown only as a hint.

use zeroize::Zeroizing;

/// Longest address, in characters (RFC 5321, 4.5.3.1.3).
const MAX_LENGTH: usize = 254;
/// Longest part before the `@` (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Longest label of a domain (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// An e-mail address in ASCII, without quoting, comments or a literal domain. Personal data: no `Debug`, `Display` or
/// `Serialize`.
pub struct EmailAddress(Zeroizing<String>);

/// The text is not such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address")]
pub struct EmailAddressError;

impl EmailAddress {
    /// Reads an address: a dot-atom (RFC 5322, 3.2.3), `@`, and a domain of at least two labels.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let (local, domain) = text.split_once('@').ok_or(EmailAddressError)?;
        let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        let good_local =
            local.len() <= MAX_LOCAL && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        let good_label = |label: &str| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let good_domain = domain.contains('.') && domain.split('.').all(good_label);
        if text.len() <= MAX_LENGTH && good_local && good_domain {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(EmailAddressError)
        }
    }

    /// The address in clear, to be sealed or written to.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown of it: `d***@example.com`.
    #[must_use]
    pub fn hint(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or_default();
        let first: String = local.chars().take(1).collect();
        format!("{first}***@{domain}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_dot_atom_at_a_domain() {
        let long = format!("{}@example.com", "x".repeat(64));
        for good in ["d@example.com", "dana.ortiz+desk@mail.example.co.uk", "a!#$%&'*+-/=?^_`{|}~b@x-1.io", &long] {
            assert_eq!(EmailAddress::parse(good).map(|address| address.expose().to_owned()).as_deref(), Ok(good));
        }
        let too_long = format!("{}@example.com", "x".repeat(65));
        let label = format!("d@{}.com", "x".repeat(64));
        let whole = format!("d@{}com", "example.".repeat(32));
        for bad in [
            "",
            "@",
            "d",
            "d@",
            "@example.com",
            "d@example",
            "d@@example.com",
            "d@ex@ample.com",
            ".d@example.com",
            "d.@example.com",
            "d..o@example.com",
            "d o@example.com",
            "d@exa mple.com",
            "d@-example.com",
            "d@example-.com",
            "d@example..com",
            "d@.example.com",
            "d@example.com.",
            "d@[192.0.2.1]",
            "\"d\"@example.com",
            "d@example.com\r\nbcc: x@example.com",
            "d,e@example.com",
            "<d@example.com>",
            "dána@example.com",
            "d@exämple.com",
            &too_long,
            &label,
            &whole,
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_hint_tells_the_first_letter_and_the_domain() {
        assert_eq!(EmailAddress::parse("dana.ortiz@example.com").unwrap().hint(), "d***@example.com");
        assert_eq!(EmailAddress::parse("d@example.com").unwrap().hint(), "d***@example.com");
    }
}
