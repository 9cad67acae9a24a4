//! What seals: the real sealer on the stores that it is given, its calls counted.

use engine_aws::Error;
use engine_aws::audit_log::AuditLog;
use engine_aws::kms::NoteSigner;
use engine_aws::objects::WorkBucket;
use engine_aws::records::RecordsBucket;
use engine_aws::sealed_log::{RegisterStore, SealedLogStores, Sealer};
use engine_core::merkle::{FIRST_ORDINAL, KeyPurpose, KeyRecord};
use jiff::SignedDuration;

use crate::{Calls, Day};

/// Where a log is kept, and what signs for it.
#[derive(Clone, Debug)]
pub struct Stores {
    /// DynamoDB.
    pub dynamo: aws_sdk_dynamodb::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// Table of audit entries, for the puts that sealing is compared with.
    pub audit_table: String,
    /// The log's table.
    pub log_table: String,
    /// The locked bucket.
    pub records: String,
    /// The bucket of working copies.
    pub work: String,
    /// The log's name.
    pub origin: String,
    /// ARN of the key that signs checkpoints.
    pub log_key: String,
    /// ARN of the key that signs manifests.
    pub evidence_key: String,
}

/// A log that can be sealed into.
#[derive(Debug)]
pub struct Rig {
    /// The sealer.
    pub sealer: Sealer,
    /// The audit table.
    pub audit: AuditLog,
    /// What sealer and audit table have called.
    pub calls: Calls,
    records: RecordsBucket,
    evidence: NoteSigner,
}

impl Rig {
    /// The sealer on these stores.
    #[must_use]
    pub fn new(stores: Stores) -> Self {
        let calls = Calls::default();
        let dynamo = stores.dynamo.config().to_builder().interceptor(calls.clone()).build();
        let dynamo = aws_sdk_dynamodb::Client::from_conf(dynamo);
        let s3 = stores.s3.config().to_builder().interceptor(calls.clone()).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let kms = stores.kms.config().to_builder().interceptor(calls.clone()).build();
        let kms = aws_sdk_kms::Client::from_conf(kms);
        let records = RecordsBucket::new(s3.clone(), stores.records);
        let sealed = SealedLogStores {
            dynamo: dynamo.clone(),
            table: stores.log_table,
            records: records.clone(),
            work: WorkBucket::new(s3, stores.work),
        };
        let evidence_name = KeyPurpose::Evidence.key_name(&stores.origin);
        let evidence = NoteSigner::new(kms.clone(), stores.evidence_key, evidence_name);
        let signer = NoteSigner::new(kms, stores.log_key, &stores.origin);
        Self {
            sealer: Sealer::new(sealed, signer, stores.origin),
            audit: AuditLog::new(dynamo, stores.audit_table),
            calls,
            records,
            evidence,
        }
    }

    /// What a log begins with besides entries: its keys in the register, and the list of stocks that an import names.
    pub async fn prepare(&self, day: &Day) -> Result<(), Error> {
        let register = RegisterStore::new(self.records.clone());
        for (purpose, signer) in [(KeyPurpose::Log, self.sealer.signer()), (KeyPurpose::Evidence, &self.evidence)] {
            let record = KeyRecord {
                purpose,
                ordinal: FIRST_ORDINAL,
                name: signer.name().to_owned(),
                key: signer.verifier_key().await?.to_string(),
                kms_key: signer.key_arn().to_owned(),
                from: Day::start() - SignedDuration::from_hours(2),
                predecessor: None,
            };
            register.add(&record, &signer.sign(&record.text()).await?).await?;
        }
        let references = day.references().map_err(|error| Error::corrupt("references", error))?;
        self.records.put_once(&Day::references_key(), references.as_bytes()).await.map(|_| ())
    }
}
