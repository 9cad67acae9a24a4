//! A bundle is asked for. Whatever can be told at once that it cannot be made is told here, by field.

use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::evidence::{ExportRequest, NewJob};
use engine_aws::sealed_log::StoredCheckpoint;
use engine_core::audit::{EntryId, Event};
use engine_core::evidence::Manifest;
use engine_core::field::{FieldError, FieldReader};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::json;

use crate::EvidenceExport;
use crate::asked::{Asked, FIELDS};
use crate::call::{Call, Done, Handled};
use crate::refusal::too_recent;
use crate::search::{Purpose, resolve, settled};
use crate::show::{describe, path};

/// Most entries that one run looks at. A bundle of 256 headers takes two calls to S3, some 40 ms: 6,000 headers a second, and a
/// million in three minutes of the twelve that a run has ([`LONGEST`](crate::LONGEST)). The other nine are for what matches,
/// of which each bundle is read three times over, bodies too; a selection too large for that fails when its time is up.
pub const MOST_SCANNED: u64 = 1_000_000;
/// The largest size that JSON carries exactly.
const LARGEST: u64 = 1 << 53;
/// The other fields of a request.
const OWN: [&str; 4] = ["include_logs", "size", "consistent_with", step_up::FIELD];

/// What is asked for, as it is read.
struct Wanted {
    asked: Asked,
    include_logs: bool,
    size: Option<u64>,
    consistent_with: Option<u64>,
}

/// Takes a request for a bundle.
pub(crate) async fn request(app: &EvidenceExport, call: &Call<'_>) -> Handled {
    let Wanted { mut asked, include_logs, size, consistent_with } = read(call)?;
    let at = pinned(app, size).await?;
    let (size, latest) = (at.checkpoint.size, Manifest::latest_to(at.checkpoint.time));
    let mut errors = Vec::new();
    let to = asked.to.unwrap_or(latest);
    if to > latest {
        errors.push(FieldError::new("to", too_recent(latest)));
    } else if asked.from.is_some_and(|from| from >= to) {
        errors.push(FieldError::new("from", format_args!("must be earlier than to; {}", too_recent(latest))));
    }
    if let Some(older) = consistent_with
        && (older > size || app.reader.checkpoint(older).await?.is_none())
    {
        errors.push(FieldError::new("consistent_with", "must be the size of a signed checkpoint, not above size"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let resolved = resolve(app, &asked, size, Purpose::Export).await?;
    scannable(app, &asked, to, size).await?;

    let described = asked.describe();
    asked.actor = asked.actor.iter().flat_map(|actor| app.names.actors(actor)).collect();
    let Asked { from, to, event, outcome, actor, client, ticker, request_id } = asked;
    let job = NewJob {
        id: EntryId::new(call.context.now, random_bytes()?).to_string(),
        subject: call.caller.principal_id.clone(),
        request_id: call.context.request_id.clone(),
        client_ref: resolved.concerns.client_ref.clone(),
        subject_ref: resolved.concerns.subject_ref.clone(),
        request: ExportRequest {
            size,
            from,
            to,
            event,
            outcome,
            actor,
            client,
            ticker,
            request_id,
            consistent_with,
            include_logs,
        },
        created_at: call.context.now,
    };
    let mut change = Change::default();
    app.jobs.create(&mut change, &job)?;
    let details = json!({
        "evidence_id": job.id,
        "filter": described,
        "size": size,
        "consistent_with": consistent_with,
        "include_logs": include_logs,
    });
    let act = call.done(Event::EvidenceRequest, resolved.concerns, details);
    change.record(&app.audit, &call.author().entry(act, call.context.now)?)?;
    let mut answer = describe(&job);
    answer["state"] = json!("pending");
    Ok(Done::Made(change, Reply::accepted(path(&job.id), &answer)?))
}

fn read(call: &Call<'_>) -> Result<Wanted, Problem> {
    let mut reader = FieldReader::new(call.fields);
    let asked = Asked::read(&mut reader);
    let include_logs = if reader.has("include_logs") { reader.boolean("include_logs") } else { Some(false) };
    let mut number = |field| if reader.has(field) { reader.integer(field, (1, LARGEST)).map(Some) } else { Some(None) };
    let (size, consistent_with) = (number("size"), number("consistent_with"));
    reader.unknown(&[&FIELDS[..], &OWN].concat());
    let wanted = (|| {
        Some(Wanted { asked: asked?, include_logs: include_logs?, size: size?, consistent_with: consistent_with? })
    })();
    let wanted = reader.finish(wanted).map_err(Problem::invalid)?;
    if let (Some(size), Some(older)) = (wanted.size, wanted.consistent_with)
        && older > size
    {
        return Err(Problem::invalid_field("consistent_with", "must not be above size"));
    }
    Ok(wanted)
}

/// The checkpoint of the size that was asked for; the newest where none was.
async fn pinned(app: &EvidenceExport, size: Option<u64>) -> Result<StoredCheckpoint, Problem> {
    let named = match size {
        Some(size) => size,
        None => app.log.newest().await?.map_or(0, |newest| newest.size),
    };
    if let Some(found) = app.reader.checkpoint(named).await? {
        return Ok(found);
    }
    Err(match size {
        Some(_) => Problem::invalid_field("size", "must be the size of a signed checkpoint"),
        None => Problem::conflict("Nothing is sealed yet."),
    })
}

/// Refuses what one run could not look through.
async fn scannable(app: &EvidenceExport, asked: &Asked, to: jiff::Timestamp, size: u64) -> Result<(), Problem> {
    if size <= app.most_scanned {
        return Ok(());
    }
    let first = match asked.from {
        Some(from) => app.reader.last_checkpoint_before(from).await?.map_or(0, |found| found.checkpoint.size),
        None => 0,
    };
    let end = match settled(to) {
        Some(settled) => app.reader.first_checkpoint_from(settled).await?.map_or(size, |found| found.checkpoint.size),
        None => size,
    };
    if end.min(size).saturating_sub(first) > app.most_scanned {
        let most = app.most_scanned;
        let message = format!("must be later, or to earlier: the range has more than {most} entries");
        return Err(Problem::invalid_field("from", message));
    }
    Ok(())
}
