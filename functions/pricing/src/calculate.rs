//! `POST` and `GET /api/v1/calculate-locate`: one quote.

use engine_aws::key_gate::Take;
use engine_core::access::{ClientTerms, terms_in_force};
use engine_core::audit::{EntryId, Event, Reference};
use engine_core::field::Fields;
use engine_core::quote::{
    PositionOutcome, PositionRequest, QuoteId, QuoteRecord, QuoteTerms, read_position, valid_until,
};
use engine_http::body::{query_fields, read_fields};
use engine_http::problem::Problem;
use engine_http::response::{Answer, Reply, with_allowance};

use crate::admit::{Admitted, admit, presented};
use crate::bodies::QuoteBody;
use crate::recorded::{Recorder, Refused};
use crate::{Call, Pricing};

/// Longest body of a request for one quote, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Prices one position, records it, answers.
pub(crate) async fn handle(app: &Pricing, call: Call<'_>) -> Answer {
    let api_key = presented(app, call)?;
    let fields = match call.context.method.as_str() {
        "GET" => Ok(query_fields(call.request)),
        _ => read_fields(call.request, MAX_BODY),
    };
    let admitted = admit(app, call, &api_key, Take { tokens: 1, owes_entry: true }).await?;
    let key = &admitted.admission.key;
    let recorder = Recorder::new(app, call, &admitted.admission, Event::QuoteCreate)?;
    let answer = match quote(app, call, &admitted, fields).await {
        Ok((record, subject)) => match recorder.quotes(&record, Some(subject)).await {
            Ok(()) => body(recorder.id(), &record),
            Err(unrecorded) => Err(unrecorded),
        },
        Err(refused) => Err(recorder.refused(refused).await),
    };
    with_allowance(answer, key.tier, admitted.admission.allowance)
}

async fn quote(
    app: &Pricing,
    call: Call<'_>,
    admitted: &Admitted,
    fields: Result<Fields, Problem>,
) -> Result<(QuoteRecord, Reference), Refused> {
    admitted.permitted.clone()?;
    let request = read_position(&fields?).map_err(Problem::invalid)?;
    let refused = |problem| Refused::asked(problem, &request);
    check_client(&request, admitted).map_err(refused)?;
    let common = quote_terms(app, call, admitted).await.map_err(refused)?;
    let book = admitted.book.clone().map_err(refused)?;
    let known = book.find(&request.ticker, call.context.now, app.settings.rate_max_age);
    let Some(security) = known else { return Err(refused(Problem::ticker_not_found())) };
    if !admitted.admission.key.tickers.includes(&request.ticker) {
        return Err(refused(Problem::ticker_not_found()).withheld(security.reference));
    }
    let mut record = QuoteRecord::new(common);
    record.add(&request, &security).map_err(|error| refused(Problem::internal(error.to_string())))?;
    Ok((record, security.reference))
}

/// A client may be named only by its own key.
pub(crate) fn check_client(request: &PositionRequest, admitted: &Admitted) -> Result<(), Problem> {
    match &request.client_id {
        Some(client_id) if *client_id != admitted.admission.key.client_id => Err(Problem::client_mismatch()),
        _ => Ok(()),
    }
}

/// The client's terms in force and what else all positions of a request share.
pub(crate) async fn quote_terms(app: &Pricing, call: Call<'_>, admitted: &Admitted) -> Result<QuoteTerms, Problem> {
    let key = &admitted.admission.key;
    let all = app.terms.at_version(&key.client_id, key.terms_version).await?;
    let terms: ClientTerms = terms_in_force(&all, call.context.now)
        .cloned()
        .ok_or_else(|| Problem::internal(format!("client {} has no terms in force", key.actor_ref.as_str())))?;
    Ok(QuoteTerms { terms, coefficients: app.coefficients.clone(), valid_until: valid_until(call.context.now) })
}

fn body(id: EntryId, record: &QuoteRecord) -> Answer {
    let (Some(PositionOutcome::Priced(position)), Some(sources)) =
        (record.positions.first(), record.data_sources.first())
    else {
        return Err(Problem::internal("a recorded quote has no position"));
    };
    Reply::ok(&QuoteBody::new(QuoteId::single(id), &record.common, position, sources))
}
