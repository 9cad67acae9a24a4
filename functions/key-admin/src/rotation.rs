//! Successors of API keys, as administrators offer them.

use engine_aws::change::Prepared;
use engine_aws::directory::{ClaimCode, Offered, SuccessorState};
use engine_core::access::Permission;
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::json;

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::{key_id, no_fields, reason};
use crate::refusal::{directory_refusal, refusal};

/// Days that both keys work, unless said otherwise.
const OVERLAP_DAYS: u64 = 14;

/// Offers a successor, which the client claims with the key it has.
pub(crate) async fn rotate(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let key_id = key_id(call)?;
    let mut reader = FieldReader::new(call.fields);
    let overlap =
        if reader.has("overlap_days") { reader.integer("overlap_days", (1, OVERLAP_DAYS)) } else { Some(OVERLAP_DAYS) };
    let why = reason(&mut reader);
    reader.unknown(&["overlap_days", "reason", step_up::FIELD]);
    let (overlap, why) = reader.finish(overlap.zip(why)).map_err(Problem::invalid)?;
    let prepared = app.directory.rotate_key(&key_id, overlap, &why, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(directory_refusal)?;
    let answer = json!({
        "key_id": key_id.as_str(),
        "successor_state": SuccessorState::Offered.as_str(),
        "ends_at": rfc3339(prepared.value.record.expires_at),
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Ends a key at once. The answer's claim code takes its place for collecting the successor. The code is worth a key, so it is
/// only for who may issue one: ending a key must not be a way to get one.
pub(crate) async fn emergency_rotate(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let key_id = key_id(call)?;
    let mut reader = FieldReader::new(call.fields);
    let why = reason(&mut reader);
    reader.unknown(&["reason", step_up::FIELD]);
    let why = reader.finish(why).map_err(Problem::invalid)?;
    let code_of = call.caller()?.may(Permission::KeysWrite).is_ok().then_some(app.settings.environment.as_str());
    let author = call.author(app);
    let prepared = app.directory.emergency_rotate_key(&key_id, code_of, &why, &author, call.context.now).await;
    shown_once(prepared.map_err(refusal)?)
}

/// A claim code for the successor of a key that has ended.
pub(crate) async fn claim_code(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let key_id = key_id(call)?;
    no_fields(call, &[step_up::FIELD])?;
    let (environment, author) = (&app.settings.environment, call.author(app));
    let prepared = app.directory.create_claim_code(&key_id, environment, &author, call.context.now).await;
    shown_once(prepared.map_err(refusal)?)
}

fn shown_once(prepared: Prepared<Offered>) -> Handled {
    let Offered { key, claim_code } = prepared.value;
    let mut answer = json!({
        "key_id": key.record.id.as_str(),
        "state": key.record.state.as_str(),
        "claim_code": null,
        "claim_code_expires_at": null,
    });
    let mut repeat = answer.clone();
    if let Some(ClaimCode { code, expires_at }) = claim_code {
        answer["claim_code"] = json!(code.expose());
        repeat["code"] = json!("already_issued");
        answer["claim_code_expires_at"] = json!(rfc3339(expires_at));
        repeat["claim_code_expires_at"] = json!(rfc3339(expires_at));
    }
    let [answer, repeat] = [Reply::with_status(201, &answer)?, Reply::with_status(201, &repeat)?];
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices: Vec::new() })))
}
