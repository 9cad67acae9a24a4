//! The conditions of an export as options.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use engine_aws::evidence::ExportRequest;
use engine_core::audit::{Event, Outcome};
use engine_core::merkle::{Checkpoint, SignedNote};
use engine_core::ticker::Ticker;
use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::Error;

/// What is asked for. Each option that may be given more than once takes any of its values; all options must hold together.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct FilterArguments {
    /// Earliest time of an entry, RFC 3339 [default: the beginning]
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Time before which an entry must be [default: the latest that the log has settled to]
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// What happened
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Event::ALL.iter().map(|event| event.as_str())), hide_possible_values = true)]
    event: Vec<String>,
    /// How it ended
    #[arg(long, value_parser = PossibleValuesParser::new([Outcome::Success.as_str(), Outcome::Refused.as_str()]))]
    outcome: Vec<String>,
    /// Who did it, as `<type>:<id>` or by reference
    #[arg(long, value_name = "ACTOR")]
    actor: Vec<String>,
    /// The client that it concerns
    #[arg(long, value_name = "CLIENT_ID")]
    client: Vec<String>,
    /// The ticker that it concerns
    #[arg(long, value_parser = ticker)]
    ticker: Vec<String>,
    /// The request that caused it
    #[arg(long, value_name = "REQUEST_ID")]
    request_id: Vec<String>,
    /// Prove everything against the tree of that size [default: the newest]
    #[arg(long, value_name = "ENTRIES")]
    size: Option<u64>,
    /// Prove too that the log extends what it was at that size
    #[arg(long, value_name = "ENTRIES", conflicts_with = "against")]
    consistent_with: Option<u64>,
    /// Prove too that the log extends the checkpoint in this file; its size alone is used, and `engine verify --against` verifies it
    #[arg(long, value_name = "CHECKPOINT")]
    against: Option<PathBuf>,
    /// Add what the functions logged about the requests of the entries
    #[arg(long)]
    include_logs: bool,
}

fn ticker(text: &str) -> Result<String, String> {
    Ticker::parse(text).map(|ticker| ticker.to_string()).map_err(|error| error.to_string())
}

impl FilterArguments {
    /// The size that is asked for, where one is.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The request in words of the API.
    pub(super) fn body(&self) -> Result<Value, Error> {
        let mut body = json!({});
        for (name, time) in [("from", self.from), ("to", self.to)] {
            if let Some(time) = time {
                body[name] = json!(rfc3339(time));
            }
        }
        for (name, values) in [
            ("event", &self.event),
            ("outcome", &self.outcome),
            ("actor", &self.actor),
            ("client", &self.client),
            ("ticker", &self.ticker),
            ("request_id", &self.request_id),
        ] {
            match values.as_slice() {
                [] => {}
                [value] => body[name] = json!(value),
                values => body[name] = json!(values),
            }
        }
        if let Some(size) = self.size {
            body["size"] = json!(size);
        }
        if let Some(older) = self.older()? {
            body["consistent_with"] = json!(older);
        }
        if self.include_logs {
            body["include_logs"] = json!(true);
        }
        Ok(body)
    }

    /// The request at a tree size.
    pub(super) fn request(&self, size: u64) -> Result<ExportRequest, Error> {
        Ok(ExportRequest {
            size,
            from: self.from,
            to: self.to,
            event: self.event.clone(),
            outcome: self.outcome.clone(),
            actor: self.actor.clone(),
            client: self.client.clone(),
            ticker: self.ticker.clone(),
            request_id: self.request_id.clone(),
            consistent_with: self.older()?,
            include_logs: self.include_logs,
        })
    }

    fn older(&self) -> Result<Option<u64>, Error> {
        let Some(path) = &self.against else { return Ok(self.consistent_with) };
        let text = std::fs::read_to_string(path).map_err(|cause| Error::Open { path: path.clone(), cause })?;
        let checkpoint = SignedNote::parse(&text).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
        let no_checkpoint =
            || Error::Argument { what: path.display().to_string(), problem: "it is no signed checkpoint".to_owned() };
        checkpoint.map(|checkpoint| Some(checkpoint.size)).ok_or_else(no_checkpoint)
    }
}
