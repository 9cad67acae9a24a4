//! Where the API is, and who calls it.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::input::{self, Code};

/// Options of every command that calls the API.
#[derive(Debug, Args)]
#[command(next_help_heading = "API")]
pub(crate) struct ApiArguments {
    /// Address of the API, as `https://api.example.com`
    #[arg(long, global = true, env = "ENGINE_API_URL", value_name = "URL")]
    api_url: Option<String>,
    /// File that holds your access token [default: the variable `ENGINE_TOKEN`]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Code of your second factor, for what asks for one [default: asked for on a terminal]
    #[arg(long, global = true, env = "ENGINE_TOTP", hide_env_values = true, value_name = "CODE")]
    pub(super) totp: Option<Code>,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl ApiArguments {
    /// Whether the caller wants JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// The token, from the file or the environment.
    pub(super) fn token(&self) -> Result<Zeroizing<String>, Error> {
        match &self.token_file {
            Some(file) => input::file(file),
            None => input::variable(&["ENGINE_TOKEN"])?.ok_or(Error::NoToken),
        }
    }

    /// The address before the paths of routes. The addresses that a stack puts out end in `/admin` or `/api/v1`, and will do too.
    pub(super) fn base(&self) -> Result<String, Error> {
        let url = self.api_url.as_deref().filter(|url| !url.is_empty()).ok_or(Error::NoApi)?;
        let url = url.trim_end_matches('/');
        let base = ["/admin", "/api/v1"].into_iter().find_map(|end| url.strip_suffix(end)).unwrap_or(url);
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        // What else an address may hold would travel in clear or change the path: it is neither sent nor quoted.
        match rest {
            Some(rest) if !rest.is_empty() && !rest.contains(['@', '?', '#']) => Ok(base.to_owned()),
            _ => Err(Error::NotAnApiUrl),
        }
    }
}

/// Options of every list.
#[derive(Debug, Default, Args)]
pub(crate) struct ListArguments {
    /// How many to show, 1 to 100 [default: 20]
    #[arg(long, value_name = "NUMBER")]
    pub(super) limit: Option<u64>,
    /// Where to go on: what the list before ended with
    #[arg(long, value_name = "TEXT", conflicts_with = "all")]
    pub(super) cursor: Option<String>,
    /// Show all there are
    #[arg(long)]
    pub(super) all: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_that_a_stack_puts_out_lead_to_one_base() {
        let base = |url: &str| {
            ApiArguments { api_url: Some(url.to_owned()), token_file: None, totp: None, json: false }.base()
        };
        for url in [
            "https://api.test/live",
            "https://api.test/live/",
            "https://api.test/live/admin",
            "https://api.test/live/api/v1/",
        ] {
            assert_eq!(base(url).unwrap(), "https://api.test/live", "{url}");
        }
        assert!(matches!(base(""), Err(Error::NoApi)));
        for bad in [
            "api.test",
            "https://",
            "ftp://api.test",
            "https://me:pass@api.test",
            "https://api.test?a",
            "https://api.test#a",
        ] {
            assert!(matches!(base(bad), Err(Error::NotAnApiUrl)), "{bad}");
        }
    }
}
