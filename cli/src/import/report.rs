//! What became of a file, for people and for scripts.

use engine_core::field::Fields;
use serde_json::{Value, json};

use super::record::{Record, State};
use crate::error::Error;
use crate::exit::Exit;
use crate::show;

/// Tells a file's source from its content; `None` where it looks like none.
pub(super) fn guess_source(content: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(content).ok()?.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("#BOF|") {
        return Some("short-stock");
    }
    let fields = Fields::from_json(text).ok()?;
    [("events", "event-risk"), ("minimum_rates", "minimum-rates"), ("value", "volatility"), ("stocks", "volatility")]
        .into_iter()
        .find_map(|(member, source)| fields.has(member).then_some(source))
}
