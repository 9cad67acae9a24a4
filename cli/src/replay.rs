//! `engine replay`: prices a recorded quote again, from its audit entry alone.

use clap::Args;
use engine_aws::audit_log::AuditLog;
use engine_core::pricing::Price;
use engine_core::quote::{QuoteId, Replay, replay};
use engine_core::time::rfc3339;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::show;
use crate::stack::{Stack, StackArguments};

const EXAMPLES: &str = "\
Examples:
  engine replay 019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b
  engine replay 019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b-17 --json    (position 17 of a batch, the first being 0)

The entry carries every input by value, so nothing else is read: neither market data nor the client's terms of today.
The entry is checked against its own digest before it is used.";

/// Price a recorded quote again, from its audit entry alone
///
/// Prints the inputs, the recorded and the recomputed figures side by side, and MATCH. If a figure differs: MISMATCH, and exit
/// status 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArguments {
    /// Id of the quote, as the answer to the client had it
    quote_id: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(stack: &StackArguments, arguments: ReplayArguments) -> Result<Exit, Error> {
    let quote_id = QuoteId::parse(&arguments.quote_id).ok_or_else(|| Error::NotAnId {
        text: arguments.quote_id.clone(),
        expected: "a quote id: a UUIDv7, in a batch with -<position> after it",
    })?;
    let stack = Stack::find(stack).await?;
    let entry = AuditLog::new(stack.dynamodb(), stack.table("audit")).read(quote_id.entry()).await?;
    let entry = entry.ok_or_else(|| Error::NotFound(format!("quote {quote_id}")))?;
    let replayed = replay(&entry, quote_id)?;
    show_replay(quote_id, &replayed, arguments.json)?;
    Ok(if replayed.matches() { Exit::Done } else { Exit::Failed })
}

fn show_replay(quote_id: QuoteId, replay: &Replay, json: bool) -> Result<(), Error> {
    let result = if replay.matches() { "MATCH" } else { "MISMATCH" };
    let recorded_at = rfc3339(quote_id.entry().time());
    let (recorded, inputs) = (&replay.recorded, &replay.inputs);
    if json {
        return show::json(&json!({
            "quote_id": quote_id.to_string(),
            "recorded_at": recorded_at,
            "ticker": recorded.ticker,
            "currency": recorded.currency,
            "inputs": inputs,
            "recorded": recorded.price,
            "recomputed": replay.recomputed,
            "result": result,
        }));
    }
    let coefficients = &inputs.coefficients;
    show::pairs(&[
        ("quote_id", quote_id.to_string()),
        ("recorded_at", recorded_at),
        ("ticker", recorded.ticker.to_string()),
        ("currency", recorded.currency.clone()),
        ("base_rate", inputs.base_rate.to_string()),
        ("volatility_index", inputs.volatility_index.to_string()),
        ("event_risk_factor", inputs.event_risk_factor.to_string()),
        ("minimum_rate", inputs.minimum_rate.to_string()),
        ("position_value", inputs.position_value.to_string()),
        ("loan_days", inputs.loan_days.to_string()),
        ("markup_percentage", inputs.markup_percentage.to_string()),
        ("fee_type", inputs.transaction_fee.kind.as_str().to_owned()),
        ("fee_amount", inputs.transaction_fee.amount.to_string()),
        ("day_count", inputs.day_count.as_str().to_owned()),
        (
            "coefficients",
            format!(
                "version {}: {} a point of volatility, {} at event risk 10",
                coefficients.version, coefficients.volatility_per_point, coefficients.event_risk_at_ten
            ),
        ),
    ])?;
    show::line("")?;
    show::table(
        &["figure", "recorded", "recomputed", ""],
        &[false, true, true, false],
        &figures(&recorded.price, &replay.recomputed),
    )?;
    show::line(result)
}

fn figures(recorded: &Price, recomputed: &Price) -> [[String; 4]; 5] {
    let row = |name: &str, figure: fn(&Price) -> rust_decimal::Decimal| {
        let (then, now) = (figure(recorded), figure(recomputed));
        let mark = if then == now { "" } else { "differs" };
        [name.to_owned(), then.to_string(), now.to_string(), mark.to_owned()]
    };
    [
        row("borrow_rate_used", |price| price.borrow_rate_used),
        row("borrow_cost", |price| price.borrow_cost),
        row("markup", |price| price.markup),
        row("transaction_fees", |price| price.transaction_fees),
        row("total_fee", |price| price.total_fee),
    ]
}
