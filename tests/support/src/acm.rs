//! ACM in the process: certificates by ARN, as far as their times go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_acm::Client;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::service::{Control, Network, Protocol, Refused, Service, client, text, unknown};

/// An ACM with the certificates that a test makes. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Acm {
    certificates: Arc<Certificates>,
    control: Control,
}

impl Acm {
    /// One without certificates.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it, which does not retry.
    pub fn client(&self) -> Client {
        self.client_on(&self.control)
    }

    /// A client of a second process, with faults of its own.
    pub fn client_on(&self, control: &Control) -> Client {
        client!(aws_sdk_acm, Network::new(&self.certificates, control))
    }

    /// Its calls by action (`DescribeCertificate`), and their faults.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Issues the certificate of that name for that time, in the place of an earlier one; answers its ARN.
    pub fn issue(&self, domain: &str, not_before: Timestamp, not_after: Timestamp) -> String {
        let arn = format!("arn:aws:acm:us-east-1:123456789012:certificate/{domain}");
        let described = json!({
            "CertificateArn": arn, "DomainName": domain, "Status": "ISSUED",
            "NotBefore": not_before.as_second(), "NotAfter": not_after.as_second(),
        });
        self.certificates.0.lock().unwrap().insert(arn.clone(), described);
        arn
    }
}

#[derive(Debug, Default)]
struct Certificates(Mutex<BTreeMap<String, Value>>);

impl Service for Certificates {
    const PROTOCOL: Protocol = Protocol::Json;

    fn call(&self, action: &str, input: &Value) -> Result<Value, Refused> {
        if action != "DescribeCertificate" {
            return unknown(action);
        }
        let arn = text(input, "CertificateArn")?;
        let certificates = self.0.lock().unwrap();
        let described = certificates.get(arn);
        let described =
            described.ok_or_else(|| Refused::new("ResourceNotFoundException", format!("no certificate {arn}")))?;
        Ok(json!({ "Certificate": described }))
    }
}
