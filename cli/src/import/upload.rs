//! Puts a file into the market bucket, with a progress bar where somebody watches.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use engine_core::market::Source;
use http_body::{Body, Frame, SizeHint};
use indicatif::{ProgressBar, ProgressStyle};
use market_data::import_id;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::stack::{Stack, new_id};

/// Bytes handed to the connection at a time, hence the step of the progress bar.
const PIECE: usize = 32 * 1024;
/// Uploads `content` as a file of `source`. The id is that under which the importer records what became of it.
pub(super) async fn upload(
    stack: &Stack,
    account: &str,
    source: Source,
    file: &Path,
    content: Vec<u8>,
) -> Result<String, Error> {
    let key = format!("{source}/{}/{}", new_id()?, safe_name(file));
    let bar = ProgressBar::new(u64::try_from(content.len()).unwrap_or(u64::MAX)).with_style(style());
    bar.set_message(file.display().to_string());
    let content = Bytes::from(content);
    let digest = STANDARD.encode(Sha256::digest(&content));
    let counted = bar.clone();
    let body = SdkBody::retryable(move || {
        counted.reset();
        SdkBody::from_body_1_x(Counted { left: content.clone(), bar: counted.clone() })
    });
    let put = stack
        .s3()
        .put_object()
        .bucket(stack.market_bucket(account))
        .key(&key)
        .checksum_sha256(digest)
        .body(ByteStream::new(body))
        .send()
        .await;
    bar.finish_and_clear();
    let put = put.map_err(|error| Error::aws("s3:PutObject", &error))?;
    let etag = put.e_tag().ok_or_else(|| Error::Answer("s3:PutObject", "no ETag".to_owned()))?;
    Ok(import_id(&key, etag.trim_matches('"'), put.version_id()))
}

/// The file's own name, in characters that mean the same everywhere.
fn safe_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let safe =
        |character: char| if character.is_ascii_alphanumeric() || "._-".contains(character) { character } else { '_' };
    name.chars().map(safe).take(200).collect()
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A body that moves the progress bar as it is taken.
struct Counted {
    left: Bytes,
    bar: ProgressBar,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let length = PIECE.min(self.left.len());
        let piece = self.left.split_to(length);
        self.bar.inc(u64::try_from(length).unwrap_or(0));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.left.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_a_key_and_in_an_event() {
        assert_eq!(safe_name(Path::new("/tmp/short stock+ü (1).txt")), "short_stock____1_.txt");
    }
}
