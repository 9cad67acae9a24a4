//! One entry with the proof that it is in the log. The answer is verified before it is given, as its reader will verify it.

use engine_aws::evidence::LogAt;
use engine_core::audit::{EntryId, Event, Header, Reference};
use engine_core::field::FieldReader;
use engine_core::hex;
use engine_core::merkle::{Hash, leaf_hash, verify_inclusion};
use engine_http::problem::{Code, Problem};
use engine_http::response::Reply;
use serde_json::json;

use crate::EvidenceExport;
use crate::call::{Call, Concerns, Done, Handled};
use crate::refusal::refusal;

/// What is said of an entry that the log does not have, yet or at all.
const NOT_SEALED: &str = "No such entry is sealed. An entry is sealed within about a minute of being made.";

/// The entry that the path names, against the newest checkpoint.
pub(crate) async fn show(app: &EvidenceExport, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.query);
    reader.unknown(&[]);
    reader.finish(Some(())).map_err(Problem::invalid)?;
    let not_sealed = || Problem::new(Code::ResourceNotFound, NOT_SEALED);
    let id = EntryId::parse(call.parameter("id")).ok_or_else(not_sealed)?;
    let index = app.search.index_of(id).await?.ok_or_else(not_sealed)?;
    let newest = app.log.newest().await?.filter(|newest| index < newest.size).ok_or_else(not_sealed)?;

    let log = LogAt::new(&app.reader, newest.size);
    let checkpoint = log.checkpoint().await.map_err(refusal)?;
    let entry = log.entry(index).await.map_err(refusal)?;
    let proof = app.reader.inclusion_proof(index, newest.size).await?;
    let header = check(app, id, (index, &entry.header, &entry.body), &proof, &checkpoint.note).await?;

    let reference = |text: &Option<String>| text.clone().map(Reference::from_stored);
    let concerns = Concerns { client_ref: reference(&header.client_ref), subject_ref: reference(&header.subject_ref) };
    let details = json!({ "id": header.id, "index": index, "size": newest.size });
    let reply = Reply::ok(&json!({
        "id": header.id,
        "index": index,
        "size": newest.size,
        "header": entry.header,
        "body": entry.body,
        "proof": proof.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "checkpoint": checkpoint.note,
    }))?;
    Ok(Done::Read(reply, Box::new(call.done(Event::AuditProofShow, concerns, details))))
}

/// Whether the entry is the one that was asked for, and proven by a checkpoint that the log's key signed.
async fn check(
    app: &EvidenceExport,
    id: EntryId,
    (index, header, body): (u64, &str, &str),
    proof: &[Hash],
    note: &str,
) -> Result<Header, Problem> {
    let wrong =
        |cause: &dyn std::fmt::Display| Problem::internal(format!("entry {id} at {index} is not proven: {cause}"));
    let register = app.reader.register().await?;
    let checkpoint = register.open_checkpoint(note).map_err(|error| wrong(&error))?;
    if checkpoint.origin != app.settings.log_origin {
        return Err(wrong(&"the checkpoint is another log's"));
    }
    verify_inclusion(index, checkpoint.size, leaf_hash(header.as_bytes()), proof, checkpoint.root)
        .map_err(|error| wrong(&error))?;
    let read: Header = serde_json::from_str(header).map_err(|error| wrong(&error))?;
    if read.id != id.to_string() || read.body_sha256 != hex::sha256(body.as_bytes()) {
        return Err(wrong(&"it is another entry, or its body is not its own"));
    }
    Ok(read)
}
