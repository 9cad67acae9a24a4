//! `engine principals enrol`: a second factor, from its secret to the first code that proves it.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use super::at;
use crate::api::{Api, given};
use crate::error::Error;
use crate::exit::Exit;
use crate::input::{self, Code};
use crate::show;

/// The members of a factor that are shown first.
const FACTOR: &[&str] = &["otpauth_uri", "secret", "issued_at", "principal_id", "person_id"];

const EXAMPLES: &str = "\
Examples:
  engine principals enrol dana@example.com --ticket-file ticket.txt
  engine principals enrol dana@example.com --totp 123456        (a code of the factor that is replaced)
  engine principals enrol dana@example.com --code 654321        (only confirms the secret asked for before)";

/// Enrol your own second factor: shows its secret once, as a QR code, and asks for the first code
///
/// A first factor needs the ticket of the approved request. To replace a factor, give a code of the old one, or the ticket of an
/// approved re-enrolment.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EnrolArguments {
    /// Id of your account
    principal_id: String,
    /// File that holds the one-time ticket
    #[arg(long, value_name = "FILE")]
    ticket_file: Option<PathBuf>,
    /// First code of the secret that was asked for before; no other is asked for
    #[arg(long, value_name = "CODE", conflicts_with = "ticket_file")]
    code: Option<Code>,
}

/// Runs the command.
pub(super) async fn run(api: &Api, arguments: &EnrolArguments) -> Result<Exit, Error> {
    let code = match &arguments.code {
        Some(code) => code.clone(),
        None => issue(api, arguments).await?,
    };
    let body = json!({ "code": code.digits()?.as_str() });
    api.act("POST", &at(&arguments.principal_id, &["totp", "confirm"]), &body, FACTOR).await
}

/// Asks for a secret, shows it, and reads the first code made from it.
async fn issue(api: &Api, arguments: &EnrolArguments) -> Result<Code, Error> {
    let ticket = arguments.ticket_file.as_deref().map(input::file).transpose()?;
    let body = given(json!({ "ticket": ticket.as_ref().map(|ticket| ticket.as_str()) }));
    let issued = api.change("POST", &at(&arguments.principal_id, &["totp"]), &body).await?;
    if !api.json()
        && let Some(uri) = issued["otpauth_uri"].as_str()
    {
        show::line(&drawn(uri, io::stdout().is_terminal())?)?;
    }
    api.print(&issued, FACTOR)?;
    if !api.json() {
        eprintln!("Scan the code with an authenticator, or type the secret into it: it cannot be shown again.");
    }
    let code = input::line("First code")?;
    let code = code.ok_or_else(|| Error::NoFirstCode { principal_id: arguments.principal_id.clone() })?;
    Ok(Code::from(code.trim().to_owned()))
}

/// A QR code as lines of half blocks: full where the code is light. `coloured` makes that white on black whatever the terminal's
/// own colours are.
fn drawn(text: &str, coloured: bool) -> Result<String, Error> {
    let code =
        QrCode::new(text).map_err(|error| Error::Answer("the API", format!("what no QR code holds: {error}")))?;
    // Dense1x2 draws what it calls dark; a terminal draws what it writes, on a background that is mostly dark.
    let text = code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    if !coloured {
        return Ok(text);
    }
    let lines: Vec<_> = text.lines().map(|line| format!("\u{1b}[97;40m{line}\u{1b}[0m")).collect();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_light_on_dark_with_a_quiet_zone() {
        let text = drawn("otpauth://totp/x?secret=ABC", false).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width), "{text}");
        assert!(lines[0].chars().all(|block| block == '█'), "the quiet zone is light");
        assert!(lines[2].starts_with("████ ▄▄▄▄▄ █"), "a corner of the code is dark in light: {text}");
        assert!(
            drawn("x", true)
                .unwrap()
                .lines()
                .all(|line| line.starts_with("\u{1b}[97;40m") && line.ends_with("\u{1b}[0m"))
        );
    }
}
