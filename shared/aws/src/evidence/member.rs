//! The zip itself: members one after the other, none compressed, nothing in it that two runs could differ in, and never
//! more of it in memory than a piece.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use engine_core::evidence::FileDigest;
use engine_core::hex;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::sink::Sink;
use crate::Error;

/// Bytes that are gathered before the sink gets them.
const PIECE_BYTES: usize = 256 * 1024;
/// Permissions of every member, as `unzip` sets them.
const PERMISSIONS: u32 = 0o644;

/// Writes members into a zip and the zip into a sink.
pub(super) struct ZipSink<'a, S> {
    zip: Option<ZipWriter<StreamWriter<Pending>>>,
    pending: Pending,
    sink: &'a mut S,
    written: u64,
    digest: Context,
    open: Option<(String, Context, u64)>,
    members: Vec<FileDigest>,
}

/// What the zip's writer has written and the sink does not have yet. The writer owns one handle, the [`ZipSink`] the other.
#[derive(Clone, Default)]
struct Pending(Arc<Mutex<Vec<u8>>>);

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // A buffer of bytes is whole whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, S: Sink> ZipSink<'a, S> {
    pub(super) fn new(sink: &'a mut S) -> Self {
        let pending = Pending::default();
        Self {
            zip: Some(ZipWriter::new_stream(pending.clone())),
            pending,
            sink,
            written: 0,
            digest: Context::new(&SHA256),
            open: None,
            members: Vec::new(),
        }
    }

    /// Starts a member; the one before it is whole.
    pub(super) fn start(&mut self, path: &str) -> Result<(), Error> {
        self.close();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .system(System::Unix)
            .unix_permissions(PERMISSIONS);
        self.zip()?.start_file(path, options).map_err(|error| broken(&error))?;
        self.open = Some((path.to_owned(), Context::new(&SHA256), 0));
        Ok(())
    }

    /// Writes into the member that was started last.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.zip()?.write_all(bytes).map_err(|error| broken(&error))?;
        if let Some((_, digest, count)) = &mut self.open {
            digest.update(bytes);
            *count += bytes.len() as u64;
        }
        if self.pending.lock().len() >= PIECE_BYTES { self.drain().await } else { Ok(()) }
    }

    /// Writes a member whole.
    pub(super) async fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.start(path)?;
        self.write(bytes).await
    }

    /// The files so far, all whole.
    pub(super) fn files(&mut self) -> &[FileDigest] {
        self.close();
        &self.members
    }

    /// Ends the zip: its hex SHA-256 and its bytes. The sink has it all, and has not been told that this was all.
    pub(super) async fn finish(mut self) -> Result<(String, u64), Error> {
        self.close();
        if let Some(zip) = self.zip.take() {
            zip.finish().map_err(|error| broken(&error))?;
        }
        self.drain().await?;
        Ok((hex::encode(self.digest.finish().as_ref()), self.written))
    }

    fn zip(&mut self) -> Result<&mut ZipWriter<StreamWriter<Pending>>, Error> {
        self.zip.as_mut().ok_or_else(|| broken(&"it was ended already"))
    }

    fn close(&mut self) {
        if let Some((path, digest, bytes)) = self.open.take() {
            self.members.push(FileDigest { path, sha256: hex::encode(digest.finish().as_ref()), bytes });
        }
    }

    async fn drain(&mut self) -> Result<(), Error> {
        let piece = std::mem::take(&mut *self.pending.lock());
        self.digest.update(&piece);
        self.written += piece.len() as u64;
        self.sink.write(&piece).await
    }
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::corrupt("bundle", error)
}
