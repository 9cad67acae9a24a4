//! As much of AWS as the commands talk to, on loopback: DynamoDB (dynoxide), and answers of STS, Secrets Manager and S3.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use engine_aws::audit_log::AuditLog;
use engine_aws::clock::SystemClock;
use engine_aws::market::MarketStore;
use engine_aws::objects::ObjectStore;
use engine_aws::records::RecordsBucket;
use engine_core::audit::SecretKey;
use jiff::tz::TimeZone;
use market_data::event::Upload;
use market_data::{Buckets, Importer, Keys};
use tokio::runtime::Runtime;

use crate::engine::{Run, command, finish};

/// The operator, as STS names them.
pub(crate) const OPERATOR: &str = "arn:aws:iam::123456789012:user/olive";
const STACK: &str = "desk";
const BUCKET: &str = "desk-market-123456789012-us-east-1";
const ETAG: &str = "5d41402abc4b2a76b9719d911017c592";

/// Objects put, by bucket and key.
type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A stack named `desk` with empty tables.
pub(crate) struct Aws {
    pub(crate) runtime: Runtime,
    pub(crate) dynamodb: Client,
    objects: Objects,
    tables: String,
    rest: String,
}

impl Aws {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (tables, dynamodb) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::from_keys("id", "secret", None))
                .endpoint_url(&endpoint);
            let client = Client::from_conf(config.build());
            for (purpose, keys) in
                [("keys", &["pk"][..]), ("clients", &["pk", "sk"]), ("market", &["pk", "sk"]), ("audit", &["pk", "sk"])]
            {
                create_table(&client, &format!("{STACK}-{purpose}"), keys).await;
            }
            (endpoint, client)
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let rest = format!("http://{}", listener.local_addr().unwrap());
        let objects = Objects::default();
        let kept = Arc::clone(&objects);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let objects = Arc::clone(&kept);
                thread::spawn(move || serve(&connection.unwrap(), &objects));
            }
        });
        Self { runtime, dynamodb, objects, tables, rest }
    }

    /// The binary, pointed here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command
            .env("ENGINE_STACK", STACK)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_ENDPOINT_URL", &self.rest)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &self.tables);
        command
    }

    /// Runs the binary against this.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments), "")
    }

    /// Items of a table, in no order.
    pub(crate) fn items(
        &self,
        purpose: &str,
    ) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let scan = self.dynamodb.scan().table_name(format!("{STACK}-{purpose}"));
        self.runtime.block_on(scan.send()).unwrap().items.unwrap_or_default()
    }

    /// The audit log.
    pub(crate) fn audit_log(&self) -> AuditLog {
        AuditLog::new(self.dynamodb.clone(), format!("{STACK}-audit"))
    }

    /// Runs the importer beside, as Lambda would: once for each object put.
    pub(crate) fn import_uploads(&self) {
        let credentials = Credentials::from_keys("id", "secret", None);
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .force_path_style(true)
            .endpoint_url(&self.rest);
        let s3 = aws_sdk_s3::Client::from_conf(s3.build());
        let records = RecordsBucket::new(s3.clone(), format!("{STACK}-records"));
        let importer = Importer::new(
            Buckets { files: ObjectStore::new(s3), records },
            MarketStore::new(self.dynamodb.clone(), format!("{STACK}-market")),
            self.audit_log(),
            Keys { actor: key(), reference: key() },
            BUCKET.to_owned(),
            TimeZone::get("America/New_York").unwrap(),
            Arc::new(SystemClock),
        );
        let objects = Arc::clone(&self.objects);
        self.runtime.spawn(async move {
            let mut done = BTreeSet::new();
            loop {
                let folder = format!("/{BUCKET}/");
                let paths: Vec<_> = objects.lock().unwrap().keys().cloned().collect();
                for path in paths.into_iter().filter(|path| !done.contains(path)).collect::<Vec<_>>() {
                    // What the importer keeps elsewhere is no upload.
                    let Some(key) = path.strip_prefix(&folder) else { continue };
                    let upload = Upload {
                        bucket: BUCKET.to_owned(),
                        key: key.to_owned(),
                        version: None,
                        etag: ETAG.to_owned(),
                        size: None,
                        uploader: OPERATOR.to_owned(),
                        source_address: None,
                    };
                    importer.import(&upload, "request").await.unwrap();
                    done.insert(path);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
}

/// The key that every secret of the stack holds.
pub(crate) fn key() -> SecretKey {
    SecretKey::from_document(&secret()).unwrap()
}

fn secret() -> String {
    format!(r#"{{"current":"k1","k1":"{}"}}"#, "s".repeat(64))
}

async fn create_table(client: &Client, name: &str, keys: &[&str]) {
    let mut table = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        let definition = AttributeDefinition::builder().attribute_name(*key).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(*key).key_type(kind);
        table = table.attribute_definitions(definition.build().unwrap()).key_schema(element.build().unwrap());
    }
    table.send().await.unwrap();
}

/// Answers the requests of one connection.
fn serve(connection: &TcpStream, objects: &Objects) {
    let mut reader = BufReader::new(connection);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let header = |name: &str| {
            let named = |line: &String| {
                let (found, value) = line.split_once(':')?;
                found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            };
            head.iter().skip(1).find_map(named).unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        let path = head[0].split([' ', '?']).nth(1).unwrap_or_default().to_owned();
        let (content_type, answer) = if header("x-amz-target").ends_with(".GetSecretValue") {
            (
                "application/x-amz-json-1.1",
                serde_json::json!({ "Name": "secret", "SecretString": secret() }).to_string(),
            )
        } else if body.starts_with(b"Action=GetCallerIdentity") {
            let identity = format!("<Arn>{OPERATOR}</Arn><UserId>U</UserId><Account>123456789012</Account>");
            let result = format!("<GetCallerIdentityResult>{identity}</GetCallerIdentityResult>");
            ("text/xml", format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
        } else if head[0].starts_with("GET") {
            let object = objects.lock().unwrap().get(&path).cloned().unwrap_or_default();
            ("text/plain", String::from_utf8(object).unwrap())
        } else {
            objects.lock().unwrap().insert(path, body);
            ("application/xml", String::new())
        };
        let length = answer.len();
        let modified = "Sun, 22 Nov 2026 03:00:00 GMT";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nETag: \"{ETAG}\"\r\nLast-Modified: {modified}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let mut writer = connection;
        writer.write_all((head + &answer).as_bytes()).unwrap();
    }
}
