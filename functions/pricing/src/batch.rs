//! `POST /api/v1/calculate-locate/batch`: up to 1,000 quotes under one authentication and one record.

use engine_aws::key_gate::Take;
use engine_core::audit::{EntryId, Event};
use engine_core::field::{FieldError, Fields};
use engine_core::quote::{PositionOutcome, PositionRequest, QuoteId, QuoteRecord, batch_tokens, read_batch};
use engine_http::body::read_fields;
use engine_http::problem::Problem;
use engine_http::response::{Answer, Reply, with_allowance};

use crate::admit::{Admitted, admit, presented};
use crate::bodies::{BatchBody, BatchPositionBody, QuoteBody, UnpricedBody};
use crate::calculate::{check_client, quote_terms};
use crate::recorded::{Recorder, Refused};
use crate::{Call, Pricing};

/// Longest body of a batch, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Prices the positions, records them in one entry, answers.
pub(crate) async fn handle(app: &Pricing, call: Call<'_>) -> Answer {
    let key = presented(app, call)?;
    let positions = read_fields(call.request, MAX_BODY).and_then(|fields| read(&fields));
    let tokens = positions.as_ref().map_or(1, |positions| batch_tokens(positions.len()));
    let admitted = admit(app, call, &key, Take { tokens, owes_entry: true }).await?;
    let recorder = Recorder::new(app, call, &admitted.admission, Event::QuoteBatchCreate)?;
    let answer = match quote(app, call, &admitted, positions).await {
        Ok(record) => match recorder.quotes(&record, None).await {
            Ok(()) => body(recorder.id(), &record),
            Err(unrecorded) => Err(unrecorded),
        },
        Err(refused) => Err(recorder.refused(refused).await),
    };
    with_allowance(answer, admitted.admission.key.tier, admitted.admission.allowance)
}

fn read(fields: &Fields) -> Result<Vec<PositionRequest>, Problem> {
    /// Errors told of one batch: enough to mend a client, not enough to fill a log.
    const MOST: usize = 100;
    read_batch(fields).map_err(|mut errors| {
        let total = errors.len();
        if total > MOST {
            errors.truncate(MOST);
            errors.push(FieldError::new("positions", format_args!("has {} further bad fields", total - MOST)));
        }
        Problem::invalid(errors)
    })
}

async fn quote(
    app: &Pricing,
    call: Call<'_>,
    admitted: &Admitted,
    positions: Result<Vec<PositionRequest>, Problem>,
) -> Result<QuoteRecord, Refused> {
    admitted.permitted.clone()?;
    let positions = positions?;
    for position in &positions {
        check_client(position, admitted).map_err(|problem| Refused::asked(problem, position))?;
    }
    let mut record = QuoteRecord::new(quote_terms(app, call, admitted).await?);
    let book = admitted.book.clone()?;
    for position in &positions {
        let known = book.find(&position.ticker, call.context.now, app.settings.rate_max_age);
        let visible = admitted.admission.key.tickers.includes(&position.ticker);
        match known {
            Some(security) if visible => {
                record.add(position, &security).map_err(|error| Problem::internal(error.to_string()))?;
            }
            known => record.add_not_found(&position.ticker, known.is_some()),
        }
    }
    Ok(record)
}

fn body(id: EntryId, record: &QuoteRecord) -> Answer {
    let not_found = Problem::ticker_not_found();
    let mut positions = Vec::with_capacity(record.positions.len());
    for (ordinal, outcome) in record.positions.iter().enumerate() {
        let quote_id = QuoteId::in_batch(id, ordinal);
        positions.push(match outcome {
            PositionOutcome::Priced(position) => {
                let sources = record.data_sources.get(position.sources);
                let sources = sources.ok_or_else(|| Problem::internal("a position without data sources"))?;
                BatchPositionBody::Quote(Box::new(QuoteBody::new(quote_id, &record.common, position, sources)))
            }
            PositionOutcome::NotFound { ticker, .. } => BatchPositionBody::Unpriced(UnpricedBody {
                quote_id: quote_id.to_string(),
                ticker: ticker.to_string(),
                code: not_found.code.as_str(),
                detail: not_found.detail.clone(),
            }),
        });
    }
    let unpriced = positions.iter().filter(|position| matches!(position, BatchPositionBody::Unpriced(_))).count();
    Reply::ok(&BatchBody { batch_id: id.to_string(), priced: positions.len() - unpriced, unpriced, positions })
}
