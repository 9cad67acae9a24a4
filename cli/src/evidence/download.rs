//! Fetching a bundle, piece by piece, from where the stack has put it.

use std::path::Path;
use std::time::Duration;

use engine_aws::evidence::{FileSink, Sink};
use engine_aws::https::HttpsClient;
use engine_core::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::export::{Exported, bar, text};
use crate::api::Api;
use crate::error::Error;

/// Bytes asked for at once.
const PIECE: u64 = 8 * 1024 * 1024;
/// Longest wait for a piece: 0.6 Mbit/s.
const TIMEOUT: Duration = Duration::from_mins(2);
/// How often an address that has run out is replaced: with one for five minutes each, two hours of downloading.
const MOST_RENEWALS: usize = 24;

/// Fetches the bundle into `out`, and makes sure that it is the one that was made.
pub(super) async fn download(
    api: &Api,
    path: &str,
    done: &Value,
    exported: &Exported,
    out: &Path,
) -> Result<(), Error> {
    let open = |cause| Error::Open { path: out.to_owned(), cause };
    let mut sink = FileSink::create(out).map_err(open)?;
    let fetched = fetch(api, path, done, exported, &mut sink).await;
    match fetched {
        Ok(()) => Ok(sink.finish().await?),
        Err(error) => {
            sink.abort().await;
            Err(error)
        }
    }
}

async fn fetch(api: &Api, path: &str, done: &Value, exported: &Exported, sink: &mut impl Sink) -> Result<(), Error> {
    let limit = usize::try_from(PIECE).unwrap_or(usize::MAX);
    let http = HttpsClient::new(TIMEOUT).with_body_limit(limit);
    let progress = bar("fetching the bundle");
    progress.set_length(exported.bytes);
    let mut url = text(done, "download_url")?.to_owned();
    let (mut digest, mut at, mut renewals) = (Sha256::new(), 0, 0);
    while at < exported.bytes {
        let end = exported.bytes.min(at + PIECE);
        let range = format!("bytes={at}-{}", end - 1);
        let answer = http.send("GET", &url, &[("Range", &range)], Vec::new()).await;
        let answer = answer.map_err(|cause| Error::Unanswered { cause: cause.to_string(), changing: false })?;
        match answer.status {
            // Who does not know ranges answers with all of it.
            206 | 200 if answer.body.len() as u64 == end - at => {
                digest.update(&answer.body);
                sink.write(&answer.body).await?;
                at = end;
                progress.set_position(at);
            }
            403 if renewals < MOST_RENEWALS => {
                renewals += 1;
                text(&api.read(path).await?, "download_url")?.clone_into(&mut url);
            }
            status => {
                let what = format!("status {status} and {} bytes instead of a piece of the bundle", answer.body.len());
                return Err(Error::Answer("the bundle's address", what));
            }
        }
    }
    progress.finish_and_clear();
    let found = hex::encode(&digest.finalize());
    if found == exported.sha256 { Ok(()) } else { Err(Error::OtherBundle { expected: exported.sha256.clone(), found }) }
}
