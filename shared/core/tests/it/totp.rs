//! One-time passwords against RFC 6238 and against what an authenticator shows.

use engine_core::access::totp::{TotpCode, TotpSecret, matching_step, step_at};
use jiff::Timestamp;
use proptest::prelude::*;

const RFC_SECRET: &[u8; 20] = b"12345678901234567890";

fn secret() -> TotpSecret {
    TotpSecret::from_bytes(RFC_SECRET).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn the_codes_of_rfc_6238_appendix_b_by_their_last_six_digits() {
    for (seconds, eight_digits) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        let code = secret().code_at(step_at(at(seconds)));
        assert_eq!(code.expose(), &eight_digits[2..], "{seconds}");
    }
}

#[test]
fn a_code_is_accepted_in_its_own_step_and_in_the_ones_beside_it() {
    let step = 37_037_036;
    let code = secret().code_at(step);
    let start = i64::try_from(step * 30).unwrap();
    for (seconds, matches) in [(-31, false), (-30, true), (0, true), (29, true), (30, true), (59, true), (60, false)] {
        let found = matching_step(&secret(), &code, at(start + seconds));
        assert_eq!(found, matches.then_some(step), "{seconds} seconds into the step");
    }
}

#[test]
fn another_secrets_code_does_not_match() {
    let other = TotpSecret::from_bytes(b"98765432109876543210").unwrap();
    assert_eq!(matching_step(&secret(), &other.code_at(100), at(3000)), None);
}

#[test]
fn times_before_the_epoch_count_as_its_first_step() {
    assert_eq!(step_at(at(-1)), 0);
    assert_eq!(matching_step(&secret(), &secret().code_at(1), at(-1)), Some(1));
}

#[test]
fn exactly_six_digits_are_a_code_with_the_spaces_that_authenticators_show() {
    for good in ["123456", "123 456", " 123456", "123456 ", " 123 456 "] {
        assert_eq!(TotpCode::parse(good).unwrap().expose(), "123456", "{good:?}");
    }
    for bad in [
        "",
        "12345",
        "1234567",
        "12 3456",
        "123  456",
        "1 2 3 4 5 6",
        "12345a",
        "+12345",
        "-12345",
        "1234.5",
        "123\t456",
        "١٢٣٤٥٦",
        "１２３",
        "123456\n",
    ] {
        assert!(TotpCode::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn secrets_are_of_at_least_160_bits_and_have_one_text() {
    assert_eq!(*secret().to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap().expose(), RFC_SECRET);
    for bad in [
        "",
        "GEZDGNBVGY3TQOJQ",
        "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====",
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQB",
    ] {
        assert!(TotpSecret::from_base32(bad).is_err(), "{bad:?}");
    }
    assert!(TotpSecret::from_bytes(&[1; 19]).is_err());
    assert!(TotpSecret::from_bytes(&[1; 65]).is_err());
}

#[test]
fn the_address_for_authenticators_names_every_parameter_and_escapes_the_rest() {
    let uri = secret().otpauth_uri("Borrow Rate Engine", "ada@example.com&x=/?");
    assert_eq!(
        uri.as_str(),
        "otpauth://totp/Borrow%20Rate%20Engine:ada%40example.com%26x%3D%2F%3F\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Borrow%20Rate%20Engine&algorithm=SHA1&digits=6&period=30"
    );
}

proptest! {
    #[test]
    fn every_secret_reads_back_from_its_base32(bytes in prop::collection::vec(any::<u8>(), 20..=64)) {
        let secret = TotpSecret::from_bytes(&bytes).unwrap();
        let read = TotpSecret::from_base32(&secret.to_base32()).unwrap();
        prop_assert_eq!(read.expose(), bytes.as_slice());
    }

    #[test]
    fn every_code_reads_back_and_is_found_again(bytes in any::<[u8; 20]>(), seconds in 60..4_000_000_000i64, off in -1..=1i64) {
        let secret = TotpSecret::from_bytes(&bytes).unwrap();
        let step = step_at(at(seconds + off * 30));
        let code = TotpCode::parse(secret.code_at(step).expose()).unwrap();
        let found = matching_step(&secret, &code, at(seconds)).unwrap();
        // A later step may share the code by chance; the one found shows the same code either way.
        prop_assert!(found >= step);
        let shown = secret.code_at(found);
        prop_assert_eq!(shown.expose(), code.expose());
    }
}
