//! The XML of S3's answers, and of the one request that has any.

use std::fmt::Write;

use jiff::Timestamp;

use super::bucket::Version;
use crate::service::Refused;

/// An element with that text.
pub(super) fn element(name: &str, text: impl std::fmt::Display) -> String {
    format!("<{name}>{}</{name}>", escape(&text.to_string()))
}

/// An element with those elements in it.
pub(super) fn parent(name: &str, elements: &str) -> String {
    format!("<{name}>{elements}</{name}>")
}

/// A whole answer.
pub(super) fn document(name: &str, elements: &str) -> Vec<u8> {
    let space = "http://s3.amazonaws.com/doc/2006-03-01/";
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{space}">{elements}</{name}>"#).into_bytes()
}

/// A refusal.
pub(super) fn error(refused: &Refused) -> Vec<u8> {
    let mut elements = element("Code", &refused.code);
    elements.push_str(&element("Message", &refused.message));
    elements.push_str(&element("RequestId", "test-request"));
    format!(r#"<?xml version="1.0" encoding="UTF-8"?>{}"#, parent("Error", &elements)).into_bytes()
}

/// One version in a list of versions.
pub(super) fn version(key: &str, version: &Version, newest: bool) -> String {
    let mut elements = element("Key", key);
    let _ = write!(elements, "{}{}", element("VersionId", &version.id), element("IsLatest", newest));
    elements.push_str(&element("LastModified", time(version.time)));
    let Some(content) = &version.content else { return parent("DeleteMarker", &elements) };
    let _ = write!(elements, "{}{}", tag(&content.etag), element("Size", content.bytes.len()));
    parent("Version", &elements)
}

/// An entity tag.
pub(super) fn tag(etag: &str) -> String {
    element("ETag", format_args!("\"{etag}\""))
}

/// A time as lists have it.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// The parts that a request to complete an upload names: number and entity tag.
pub(super) fn parts(body: &str) -> Vec<(u32, String)> {
    let parts = body.split("<Part>").skip(1);
    parts
        .filter_map(|part| {
            let etag = unescape(within(part, "ETag")?).trim_matches('"').to_owned();
            Some((within(part, "PartNumber")?.parse().ok()?, etag))
        })
        .collect()
}

fn within<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
}
