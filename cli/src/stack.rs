//! The deployed stack: what its parts are called, and who is asking.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use clap::Args;
use engine_aws::author::Author;
use engine_aws::clock::{Clock, SystemClock, random_bytes};
use engine_aws::directory::{Directory, DirectoryTables};
use engine_aws::evidence::LogSource;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::LogReader;
use engine_aws::secrets::SecretStore;
use engine_core::audit::{Actor, ActorType, EntryId, SecretKey};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::Error;

/// The alias of a function that serves.
const ALIAS: &str = "live";
/// Longest wait for a function: a cold start and what it does.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for one attempt at reading a part of the sealed log.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts at reading a part of the sealed log, the first included: a command reads thousands.
const READ_ATTEMPTS: u32 = 5;
/// Attempts at a search of a log group: CloudWatch takes a few a second.
const LOG_ATTEMPTS: u32 = 8;

/// Which stack a command is about.
#[derive(Clone, Debug, Args)]
pub(crate) struct StackArguments {
    /// Name of the deployed stack, from which the names of its tables, bucket and secrets follow
    #[arg(long, global = true, env = "ENGINE_STACK", value_name = "NAME", default_value = "borrow-rate-engine")]
    stack: String,
}

/// Who is asking, as AWS sees it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The account of the credentials, which is that of the stack.
    pub(crate) account: String,
    /// User or assumed role.
    pub(crate) arn: String,
}

/// A stack that can be asked, with the operator's own credentials.
pub(crate) struct Stack {
    name: String,
    region: String,
    config: SdkConfig,
}

impl Stack {
    /// Finds region and credentials as every AWS tool does.
    pub(crate) async fn find(arguments: &StackArguments) -> Result<Self, Error> {
        Self::of(arguments, engine_aws::config::load().await)
    }

    /// The same for a command that reads the sealed log, and has the time that it takes.
    pub(crate) async fn to_read(arguments: &StackArguments) -> Result<Self, Error> {
        Self::of(arguments, engine_aws::config::load_with(READ_TIMEOUT, READ_ATTEMPTS).await)
    }

    fn of(arguments: &StackArguments, config: SdkConfig) -> Result<Self, Error> {
        let region = config.region().ok_or(Error::NoRegion)?.to_string();
        Ok(Self { name: arguments.stack.clone(), region, config })
    }

    /// A client for the stack's bucket.
    pub(crate) fn s3(&self) -> S3 {
        // A file takes as long as it takes; a stalled one is noticed by the SDK.
        S3::from_conf(self.s3_config().timeout_config(TimeoutConfig::disabled()).build())
    }

    fn s3_config(&self) -> aws_sdk_s3::config::Builder {
        // The address of an emulator has no room for a bucket's name before it.
        aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.config.endpoint_url().is_some())
    }

    /// A client for the stack's tables.
    pub(crate) fn dynamodb(&self) -> DynamoDb {
        DynamoDb::new(&self.config)
    }

    /// The table of that purpose.
    pub(crate) fn table(&self, purpose: &str) -> String {
        format!("{}-{purpose}", self.name)
    }

    /// The bucket into which market data files go.
    pub(crate) fn market_bucket(&self, account: &str) -> String {
        format!("{}-market-{account}-{}", self.name, self.region)
    }

    /// The locked bucket of the sealed log.
    pub(crate) fn records_bucket(&self, account: &str) -> String {
        format!("{}-records-{account}-{}", self.name, self.region)
    }

    /// The bucket of what can be made again from the locked one.
    pub(crate) fn work_bucket(&self, account: &str) -> String {
        format!("{}-work-{account}-{}", self.name, self.region)
    }

    /// The sealed log, out of its buckets alone.
    pub(crate) fn log_reader(&self, account: &str) -> LogReader {
        let (records, work) = self.log_buckets(account);
        LogReader::new(records, work)
    }

    /// The buckets of the sealed log: the locked one, and that of what can be made again.
    pub(crate) fn log_buckets(&self, account: &str) -> (RecordsBucket, WorkBucket) {
        let client = S3::from_conf(self.s3_config().build());
        let records = RecordsBucket::new(client.clone(), self.records_bucket(account));
        (records, WorkBucket::new(client, self.work_bucket(account)))
    }

    /// The log groups of the stack's functions.
    pub(crate) async fn log_source(&self) -> Result<LogSource, Error> {
        let retries = RetryConfig::standard().with_max_attempts(LOG_ATTEMPTS);
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config)
            .retry_config(retries)
            .timeout_config(TimeoutConfig::disabled());
        let client = aws_sdk_cloudwatchlogs::Client::from_conf(config.build());
        let prefix = format!("/aws/lambda/{}-", self.name);
        let mut pages = client.describe_log_groups().log_group_name_prefix(prefix).into_paginator().send();
        let mut groups = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::aws("logs:DescribeLogGroups", &error))?;
            groups.extend(page.log_groups.unwrap_or_default().into_iter().filter_map(|group| group.log_group_name));
        }
        if groups.is_empty() {
            return Err(Error::NotFound("log group".to_owned()));
        }
        Ok(LogSource::new(client, groups))
    }

    /// Asks one of the stack's functions, once: a second factor's code in the question is no good the second time.
    pub(crate) async fn invoke(&self, function: &str, question: &Value) -> Result<Value, Error> {
        const OPERATION: &str = "lambda:Invoke";
        let timeout = TimeoutConfig::builder().operation_attempt_timeout(INVOKE_TIMEOUT).build();
        let config = aws_sdk_lambda::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeout)
            .build();
        let answer = aws_sdk_lambda::Client::from_conf(config)
            .invoke()
            .function_name(format!("{}-{function}", self.name))
            .qualifier(ALIAS)
            .payload(Blob::new(question.to_string()))
            .send()
            .await
            .map_err(|error| Error::aws(OPERATION, &error))?;
        if answer.function_error().is_some() {
            return Err(Error::Answer(OPERATION, format!("an error of {}-{function}: look into its log", self.name)));
        }
        let payload = answer.payload.unwrap_or_else(|| Blob::new(Vec::new()));
        serde_json::from_slice(payload.as_ref())
            .map_err(|_| Error::Answer(OPERATION, "something that is not JSON".to_owned()))
    }

    /// Asks AWS who is asking.
    pub(crate) async fn caller(&self) -> Result<Caller, Error> {
        let sts = aws_sdk_sts::Client::new(&self.config);
        let identity = sts.get_caller_identity().send().await;
        let identity = identity.map_err(|error| Error::aws("sts:GetCallerIdentity", &error))?;
        match (identity.account, identity.arn) {
            (Some(account), Some(arn)) => Ok(Caller { account, arn }),
            _ => Err(Error::Answer("sts:GetCallerIdentity", "no account or no ARN".to_owned())),
        }
    }

    /// The key under which the actors of entries are named, and the key from which the salts of references are derived.
    pub(crate) async fn keys(&self) -> Result<(SecretKey, SecretKey), Error> {
        let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&self.config));
        let (actor_key, reference_key) = (format!("{}/actor-key", self.name), format!("{}/reference-key", self.name));
        Ok(tokio::try_join!(secrets.versioned_key(&actor_key), secrets.versioned_key(&reference_key))?)
    }

    /// The directory of clients and keys, and the operator as author of changes to it.
    pub(crate) async fn directory(&self) -> Result<(Directory, Author), Error> {
        let (caller, (actor_key, reference_key)) = tokio::try_join!(self.caller(), self.keys())?;
        let author = author(&caller, &actor_key)?;
        let tables =
            DirectoryTables { keys: self.table("keys"), clients: self.table("clients"), audit: self.table("audit") };
        Ok((Directory::new(self.dynamodb(), tables, actor_key, reference_key), author))
    }
}

/// The operator as author of audit entries. Each run of the command is a request of its own.
pub(crate) fn author(caller: &Caller, actor_key: &SecretKey) -> Result<Author, Error> {
    Ok(Author {
        actor_ref: actor_key.actor_ref(ActorType::Operator, &caller.arn),
        actor: Actor { kind: ActorType::Operator, id: caller.arn.clone(), roles: vec!["operator".to_owned()] },
        request_id: new_id()?.to_string(),
        function: "engine",
        source_address: None,
    })
}

/// A new UUIDv7.
pub(crate) fn new_id() -> Result<EntryId, Error> {
    Ok(EntryId::new(now(), random_bytes()?))
}

/// The current time.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
