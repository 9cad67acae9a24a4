//! S3's protocol: what a request asks for, and how it is answered.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::bucket::{Content, Version};
use super::xml::{self, element};
use super::{Buckets, LONGEST_PAGE, State};
use crate::service::{Control, Endpoint, Refused, response};

/// Members of a query that the double understands; those of presigned URLs besides.
const UNDERSTOOD: [&str; 16] = [
    "continuation-token",
    "fetch-owner",
    "key-marker",
    "list-type",
    "max-keys",
    "object-lock",
    "partNumber",
    "prefix",
    "start-after",
    "uploadId",
    "uploads",
    "version-id-marker",
    "versionId",
    "versioning",
    "versions",
    "x-id",
];

/// An answer that is not a refusal.
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    #[allow(clippy::needless_pass_by_value)] // numbers and formats, which callers have by value
    fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

impl Endpoint for Buckets {
    fn answer(&self, request: &HttpRequest, body: &[u8], control: &Control) -> HttpResponse {
        let call = Call::read(request, body);
        let action = call.action();
        let answer = control.carry_out(action, || call.carry_out(action, &mut self.0.lock().unwrap()));
        let reply = answer.unwrap_or_else(|refused| {
            let refused = in_s3s_words(refused);
            Reply::new(refused.status, xml::error(&refused))
        });
        let length = reply.body.len();
        let body = if request.method() == "HEAD" { Vec::new() } else { reply.body };
        let mut response = response(reply.status, body);
        response.headers_mut().insert("content-length", length.to_string());
        for (name, value) in reply.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A refusal that every double knows, as S3 words it.
fn in_s3s_words(refused: Refused) -> Refused {
    let (status, code) = match refused.code.as_str() {
        "AccessDeniedException" => (403, "AccessDenied"),
        "InternalFailure" => (500, "InternalError"),
        _ => return refused,
    };
    Refused::with_status(status, code, refused.message)
}

/// The members of a request's query.
pub(super) fn query(request: &HttpRequest) -> BTreeMap<String, String> {
    let query = request.uri().split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned()
}

/// One request, taken apart.
struct Call<'a> {
    request: &'a HttpRequest,
    bucket: String,
    key: String,
    query: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    fn read(request: &'a HttpRequest, body: &[u8]) -> Self {
        let uri = request.uri();
        let path = uri.split_once("://").map_or(uri, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let path = path.split_once('?').map_or(path, |(path, _)| path).trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let chunked =
            request.headers().get("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked"));
        Self {
            request,
            bucket: decoded(bucket),
            key: decoded(key),
            query: query(request),
            body: if chunked { unchunked(body) } else { body.to_vec() },
        }
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)
    }

    fn action(&self) -> &'static str {
        let understood = |name: &String| {
            UNDERSTOOD.contains(&name.as_str()) || name.starts_with("X-Amz-") || name.starts_with("response-")
        };
        if !self.query.keys().all(understood) || self.header("x-amz-copy-source").is_some() {
            return "Unknown";
        }
        let has = |name: &str| self.query.contains_key(name);
        match (self.request.method(), self.key.is_empty()) {
            ("GET", true) if has("versions") => "ListObjectVersions",
            ("GET", true) if has("list-type") => "ListObjectsV2",
            ("GET", true) if has("object-lock") => "GetObjectLockConfiguration",
            ("GET", true) if has("versioning") => "GetBucketVersioning",
            ("GET", false) if !has("uploadId") => "GetObject",
            ("HEAD", false) => "HeadObject",
            ("PUT", false) if has("uploadId") => "UploadPart",
            ("PUT", false) => "PutObject",
            ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
            ("DELETE", false) => "DeleteObject",
            ("POST", false) if has("uploads") => "CreateMultipartUpload",
            ("POST", false) if has("uploadId") => "CompleteMultipartUpload",
            _ => "Unknown",
        }
    }

    fn carry_out(&self, action: &str, state: &mut State) -> Result<Reply, Refused> {
        match action {
            "PutObject" => self.put(state),
            "GetObject" | "HeadObject" => self.get(state),
            "DeleteObject" => self.delete(state),
            "ListObjectsV2" => self.list(state),
            "ListObjectVersions" => self.list_versions(state),
            "GetObjectLockConfiguration" => self.lock_configuration(state),
            "GetBucketVersioning" => Ok(self.versioning(state)),
            "CreateMultipartUpload" => Ok(self.create_upload(state)),
            "UploadPart" => self.upload_part(state),
            "CompleteMultipartUpload" => self.complete_upload(state),
            "AbortMultipartUpload" => {
                state.bucket(&self.bucket).abort_upload(&self.key, self.upload_id())?;
                Ok(Reply::new(204, Vec::new()))
            }
            _ => Err(Refused::with_status(501, "NotImplemented", format!("this double lacks {}", self.request.uri()))),
        }
    }

    fn put(&self, state: &mut State) -> Result<Reply, Refused> {
        self.check_absent(state)?;
        let sealed = |(name, _): (&str, &str)| name.starts_with("x-amz-checksum-") || name == "x-amz-trailer";
        if state.bucket(&self.bucket).locked && !self.request.headers().iter().any(sealed) {
            let why = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock";
            return Err(Refused::new("InvalidRequest", why));
        }
        let content = Content::new(self.body.clone(), self.kept_headers());
        let stamp = state.stamp();
        let reply =
            Reply::new(200, Vec::new()).header("etag", quoted(&content.etag)).header("x-amz-version-id", &stamp.id);
        state.bucket(&self.bucket).put(&self.key, content, stamp);
        Ok(reply)
    }

    /// Holds a put to `If-None-Match: *`.
    fn check_absent(&self, state: &mut State) -> Result<(), Refused> {
        match self.header("if-none-match") {
            None => Ok(()),
            Some("*") if state.bucket(&self.bucket).current(&self.key).is_none() => Ok(()),
            Some("*") => {
                let why = "At least one of the pre-conditions you specified did not hold";
                Err(Refused::with_status(412, "PreconditionFailed", why))
            }
            Some(_) => Err(Refused::with_status(501, "NotImplemented", "If-None-Match takes * only")),
        }
    }

    /// The headers of a put that come back with the object.
    fn kept_headers(&self) -> Vec<(String, String)> {
        let kept = |name: &str| {
            name.starts_with("x-amz-meta-") || matches!(name, "content-type" | "content-disposition" | "cache-control")
        };
        let headers = self.request.headers().iter().filter(|(name, _)| kept(name));
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn get(&self, state: &mut State) -> Result<Reply, Refused> {
        let (version, content) = self.version(state)?;
        let whole = content.bytes.len();
        let (status, range) = match self.header("range") {
            Some(range) => (206, asked_range(range, whole)?),
            None => (200, 0..whole),
        };
        let mut reply = Reply::new(status, content.bytes[range.clone()].to_vec())
            .header("etag", quoted(&content.etag))
            .header("x-amz-version-id", &version.id)
            .header("accept-ranges", "bytes")
            .header("last-modified", version.time.strftime("%a, %d %b %Y %H:%M:%S GMT"));
        reply.headers.extend(content.headers.iter().cloned());
        if status == 206 {
            let last = range.end - 1;
            reply = reply.header("content-range", format_args!("bytes {}-{last}/{whole}", range.start));
        }
        for name in ["content-disposition", "content-type"] {
            if let Some(value) = self.asked(&format!("response-{name}")) {
                reply = reply.header(name, value);
            }
        }
        Ok(reply)
    }

    fn version<'s>(&self, state: &'s mut State) -> Result<(&'s Version, &'s Content), Refused> {
        let bucket = state.bucket(&self.bucket);
        let Some(id) = self.asked("versionId") else {
            let missing = || Refused::with_status(404, "NoSuchKey", "The specified key does not exist.");
            return bucket.current(&self.key).ok_or_else(missing);
        };
        let version = bucket.versions(&self.key).iter().find(|version| version.id == id);
        let missing = || Refused::with_status(404, "NoSuchVersion", "The specified version does not exist.");
        let version = version.ok_or_else(missing)?;
        let marker = || Refused::with_status(405, "MethodNotAllowed", "The version is a delete marker.");
        Ok((version, version.content.as_ref().ok_or_else(marker)?))
    }

    fn delete(&self, state: &mut State) -> Result<Reply, Refused> {
        let reply = Reply::new(204, Vec::new());
        if let Some(id) = self.asked("versionId") {
            state.bucket(&self.bucket).delete_version(&self.key, id)?;
            return Ok(reply.header("x-amz-version-id", id));
        }
        let stamp = state.stamp();
        let reply = reply.header("x-amz-version-id", &stamp.id).header("x-amz-delete-marker", true);
        state.bucket(&self.bucket).hide(&self.key, stamp);
        Ok(reply)
    }

    fn page(&self, state: &State) -> Result<usize, Refused> {
        let asked = self.asked("max-keys").map_or(Ok(LONGEST_PAGE), str::parse);
        let asked = asked.map_err(|_| Refused::new("InvalidArgument", "max-keys is no number"))?;
        Ok(asked.min(LONGEST_PAGE).min(state.page))
    }

    fn list(&self, state: &mut State) -> Result<Reply, Refused> {
        let page = self.page(state)?;
        let prefix = self.asked("prefix").unwrap_or_default();
        let token = self.asked("continuation-token").map(|token| {
            let key = STANDARD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
            key.ok_or_else(|| Refused::new("InvalidArgument", "The continuation token provided is incorrect"))
        });
        let token = token.transpose()?;
        let after = token.as_deref().or(self.asked("start-after")).unwrap_or_default();
        let mut found = state.bucket(&self.bucket).current_keys(prefix, after);
        let (mut contents, mut last, mut count) = (String::new(), "", 0);
        for (key, version, content) in found.by_ref().take(page) {
            let mut elements = element("Key", key);
            let _ = write!(elements, "{}{}", element("LastModified", xml::time(version.time)), xml::tag(&content.etag));
            let _ = write!(elements, "{}", element("Size", content.bytes.len()));
            contents.push_str(&xml::parent("Contents", &elements));
            (last, count) = (key, count + 1);
        }
        let more = count == page && found.next().is_some();
        let mut elements = element("Name", &self.bucket);
        let _ = write!(elements, "{}{}", element("Prefix", prefix), element("KeyCount", count));
        let _ = write!(elements, "{}{}", element("MaxKeys", page), element("IsTruncated", more));
        if more && count > 0 {
            elements.push_str(&element("NextContinuationToken", STANDARD.encode(last)));
        }
        Ok(Reply::new(200, xml::document("ListBucketResult", &(elements + &contents))))
    }

    fn list_versions(&self, state: &mut State) -> Result<Reply, Refused> {
        let page = self.page(state)?;
        let prefix = self.asked("prefix").unwrap_or_default();
        let from_key = self.asked("key-marker").filter(|marker| !marker.is_empty());
        let from_version = self.asked("version-id-marker").filter(|marker| !marker.is_empty());
        if from_key.is_none() && from_version.is_some() {
            return Err(Refused::new(
                "InvalidArgument",
                "A version-id marker cannot be specified without a key marker.",
            ));
        }
        let mut passed = from_version.is_none();
        let mut found = state.bucket(&self.bucket).all_versions(prefix).filter(|(key, version, _)| match from_key {
            Some(from) if *key < from => false,
            // The key of the marker goes on after the version of the marker; without one it is done.
            Some(from) if *key == from => {
                let goes_on = passed && from_version.is_some();
                passed |= from_version == Some(&version.id);
                goes_on
            }
            _ => true,
        });
        let (mut versions, mut last, mut count) = (String::new(), None, 0);
        for (key, version, newest) in found.by_ref().take(page) {
            versions.push_str(&xml::version(key, version, newest));
            (last, count) = (Some((key, &version.id)), count + 1);
        }
        let more = count == page && found.next().is_some();
        let mut elements = element("Name", &self.bucket);
        let _ = write!(elements, "{}{}", element("Prefix", prefix), element("KeyMarker", from_key.unwrap_or("")));
        let _ = write!(elements, "{}{}", element("MaxKeys", page), element("IsTruncated", more));
        if let Some((key, id)) = last.filter(|_| more) {
            let _ = write!(elements, "{}{}", element("NextKeyMarker", key), element("NextVersionIdMarker", id));
        }
        Ok(Reply::new(200, xml::document("ListVersionsResult", &(elements + &versions))))
    }

    fn lock_configuration(&self, state: &mut State) -> Result<Reply, Refused> {
        let bucket = state.bucket(&self.bucket);
        if !bucket.locked {
            let why = "Object Lock configuration does not exist for this bucket";
            return Err(Refused::with_status(404, "ObjectLockConfigurationNotFoundError", why));
        }
        let mut elements = element("ObjectLockEnabled", "Enabled");
        if let Some((mode, days)) = &bucket.default_retention {
            let retention = element("Mode", mode) + &element("Days", days);
            elements.push_str(&xml::parent("Rule", &xml::parent("DefaultRetention", &retention)));
        }
        Ok(Reply::new(200, xml::document("ObjectLockConfiguration", &elements)))
    }

    fn versioning(&self, state: &mut State) -> Reply {
        let status = if state.bucket(&self.bucket).suspended { "Suspended" } else { "Enabled" };
        Reply::new(200, xml::document("VersioningConfiguration", &element("Status", status)))
    }

    fn upload_id(&self) -> &str {
        self.asked("uploadId").unwrap_or_default()
    }

    fn create_upload(&self, state: &mut State) -> Reply {
        let id = state.stamp().id;
        state.bucket(&self.bucket).start_upload(&self.key, self.kept_headers(), &id);
        let mut elements = element("Bucket", &self.bucket);
        let _ = write!(elements, "{}{}", element("Key", &self.key), element("UploadId", id));
        Reply::new(200, xml::document("InitiateMultipartUploadResult", &elements))
    }

    fn upload_part(&self, state: &mut State) -> Result<Reply, Refused> {
        let number = self.asked("partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
        let etag = state.bucket(&self.bucket).put_part(&self.key, self.upload_id(), number, &self.body)?;
        Ok(Reply::new(200, Vec::new()).header("etag", quoted(&etag)))
    }

    fn complete_upload(&self, state: &mut State) -> Result<Reply, Refused> {
        self.check_absent(state)?;
        let named = xml::parts(std::str::from_utf8(&self.body).expect("XML"));
        let stamp = state.stamp();
        let bucket = state.bucket(&self.bucket);
        let content = bucket.join_parts(&self.key, self.upload_id(), &named)?;
        let mut elements = element("Bucket", &self.bucket);
        let _ = write!(elements, "{}{}", element("Key", &self.key), xml::tag(&content.etag));
        let reply = Reply::new(200, xml::document("CompleteMultipartUploadResult", &elements));
        let reply = reply.header("x-amz-version-id", &stamp.id);
        bucket.put(&self.key, content, stamp);
        Ok(reply)
    }
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// What `bytes=first-last`, `bytes=first-` or `bytes=-length` means of so many bytes (RFC 9110, section 14.1.2).
fn asked_range(header: &str, whole: usize) -> Result<Range<usize>, Refused> {
    let refused = || Refused::with_status(416, "InvalidRange", "The requested range is not satisfiable");
    let (first, last) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(refused)?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| refused());
    let range = match (first, last) {
        ("", length) => whole.saturating_sub(number(length)?)..whole,
        (first, "") => number(first)?..whole,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(whole),
    };
    if range.is_empty() { Err(refused()) } else { Ok(range) }
}

/// The bytes of a body in aws-chunked encoding: each chunk after its length in hex; trailers after the empty one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n").expect("the line of a chunk");
        let length = std::str::from_utf8(&body[..line]).expect("a line of text");
        let length = length.split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        if length == 0 {
            return bytes;
        }
        let start = line + 2;
        bytes.extend_from_slice(&body[start..start + length]);
        body = &body[start + length + 2..];
    }
}
