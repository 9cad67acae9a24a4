//! Where a bundle goes while it is made: S3 in parts, a file, or memory. What was not finished leaves nothing behind.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::Error;

/// Bytes of a part of an upload but the last. S3 takes 10,000 parts, so a bundle may have 78 GiB.
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// Takes a bundle's bytes in their order.
pub trait Sink: Send {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> + Send;

    /// There are no more bytes: the bundle becomes visible, whole.
    fn finish(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// There will be no bundle: what was taken is thrown away. Failing to is not told; what made the export fail is.
    fn abort(&mut self) -> impl Future<Output = ()> + Send;
}

/// Keeps the bytes.
#[derive(Debug, Default)]
pub struct MemorySink {
    taken: Vec<u8>,
    finished: bool,
}

impl MemorySink {
    /// The bundle, once it is finished.
    #[must_use]
    pub fn bundle(&self) -> Option<&[u8]> {
        self.finished.then_some(self.taken.as_slice())
    }
}

impl Sink for MemorySink {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.taken.extend_from_slice(bytes);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.finished = true;
        Ok(())
    }

    async fn abort(&mut self) {
        self.taken = Vec::new();
    }
}

/// Writes a file beside the one wanted and renames it at the end, so that a file of that name is a whole bundle.
#[derive(Debug)]
pub struct FileSink {
    file: Option<io::BufWriter<std::fs::File>>,
    beside: PathBuf,
    path: PathBuf,
}

impl FileSink {
    /// A sink for the file at `path`; one that is there is replaced at the end.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        name.push(".part");
        let beside = path.with_file_name(name);
        let file = std::fs::File::create(&beside)?;
        Ok(Self { file: Some(io::BufWriter::new(file)), beside, path: path.to_owned() })
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&self.beside, &self.path)
    }
}

impl Sink for FileSink {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Err(closed("file:write")) };
        io::Write::write_all(file, bytes).map_err(|error| failed("file:write", &error))
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.close().map_err(|error| failed("file:rename", &error))
    }

    async fn abort(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

fn failed(operation: &'static str, error: &io::Error) -> Error {
    Error::Unavailable { operation, cause: error.to_string() }
}

fn closed(operation: &'static str) -> Error {
    Error::Unavailable { operation, cause: "it was closed already".to_owned() }
}

/// Puts an object in parts: it is there, whole, once the last call is made, and before that it is not.
///
/// An upload whose process ends half-way is left to the bucket's rule for such uploads.
#[derive(Debug)]
pub struct S3Sink {
    client: Client,
    bucket: String,
    key: String,
    upload: Option<Upload>,
    waiting: Vec<u8>,
}

#[derive(Debug)]
struct Upload {
    id: String,
    parts: Vec<CompletedPart>,
}

impl S3Sink {
    /// A sink for the object `key`.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), key: key.into(), upload: None, waiting: Vec::new() }
    }

    async fn put_part(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let create = self.client.create_multipart_upload().bucket(&self.bucket).key(&self.key).send().await;
                let created = create.map_err(|error| Error::unavailable("s3:CreateMultipartUpload", &error))?;
                let id = created.upload_id.ok_or_else(|| Error::corrupt("upload", "it has no id"))?;
                none.insert(Upload { id, parts: Vec::new() })
            }
        };
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        let part = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(&upload.id)
            .part_number(number)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| Error::unavailable("s3:UploadPart", &error))?;
        upload.parts.push(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build());
        Ok(())
    }
}

impl Sink for S3Sink {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() >= PART_BYTES {
            let rest = self.waiting.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.waiting, rest);
            self.put_part(part).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        let last = std::mem::take(&mut self.waiting);
        if !last.is_empty() || self.upload.is_none() {
            self.put_part(last).await?;
        }
        let Some(upload) = &self.upload else { return Err(closed("s3:CompleteMultipartUpload")) };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(upload.parts.clone())).build();
        self.client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(&upload.id)
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|error| Error::unavailable("s3:CompleteMultipartUpload", &error))?;
        self.upload = None;
        Ok(())
    }

    async fn abort(&mut self) {
        self.waiting = Vec::new();
        if let Some(upload) = self.upload.take() {
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key);
            // The bucket's rule for unfinished uploads takes it away where this does not.
            let _ = abort.upload_id(upload.id).send().await;
        }
    }
}
