//! Pricing a recorded quote again, from its audit entry alone.

use serde::Deserialize;

use super::{PositionOutcome, PricedPosition, QuoteId, QuoteRecord};
use crate::audit::{Entry, Event};
use crate::pricing::{Price, PricingInputs, price};

/// A recorded quote beside the same quote computed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The position as recorded.
    pub recorded: PricedPosition,
    /// Its inputs in full.
    pub inputs: PricingInputs,
    /// The figures recomputed from those inputs.
    pub recomputed: Price,
}

impl Replay {
    /// Whether every figure came out as recorded.
    #[must_use]
    pub fn matches(&self) -> bool {
        // As text: a figure is the same only with the same number of decimals.
        let text = |price: &Price| serde_json::to_string(price).ok();
        text(&self.recorded.price).is_some() && text(&self.recorded.price) == text(&self.recomputed)
    }
}

/// Why a quote cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The entry is not a quote's, or its body is not a quote record.
    #[error("the entry does not record a quote: {0}")]
    NotAQuote(String),
    /// The record has no such position, or it was not priced.
    #[error("the entry records no priced position {0}")]
    NoSuchPosition(QuoteId),
    /// The recorded inputs do not price.
    #[error("the recorded inputs cannot be priced: {0}")]
    Unpriceable(#[from] crate::decimal::DecimalError),
}

#[derive(Deserialize)]
struct Body {
    details: Details,
}

#[derive(Deserialize)]
struct Details {
    quote: QuoteRecord,
}

/// Recomputes the quote with that id from its entry.
pub fn replay(entry: &Entry, quote_id: QuoteId) -> Result<Replay, ReplayError> {
    let header = entry.read_header().ok_or_else(|| ReplayError::NotAQuote("its header cannot be read".to_owned()))?;
    // A position of a batch is named with its ordinal, a single quote without one.
    let event = if quote_id.ordinal().is_some() { Event::QuoteBatchCreate } else { Event::QuoteCreate };
    if entry.id() != quote_id.entry() || header.event != event.as_str() {
        return Err(ReplayError::NotAQuote(format!("{} is a {} entry", entry.id(), header.event)));
    }
    let body: Body = serde_json::from_str(entry.body()).map_err(|error| ReplayError::NotAQuote(error.to_string()))?;
    let record = body.details.quote;
    let ordinal = quote_id.ordinal().unwrap_or(0);
    let Some(PositionOutcome::Priced(recorded)) = record.positions.get(ordinal) else {
        return Err(ReplayError::NoSuchPosition(quote_id));
    };
    let inputs = record.inputs(recorded);
    let recomputed = price(&inputs)?;
    Ok(Replay { recorded: (**recorded).clone(), inputs, recomputed })
}
