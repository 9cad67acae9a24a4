//! The certificate of the API's domain.

use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::change::Change;
use engine_aws::rotations::RegisterRow;
use engine_core::rotation::{CredentialKind, NoticeKind};
use engine_core::time::rfc3339;

use crate::CredentialSweep;
use crate::due::{Finding, timestamp};
use crate::tally::Tally;

impl CredentialSweep {
    /// Tells of a certificate that ends soon, and puts it into the register.
    pub(crate) async fn sweep_certificate(&self, author: &Author, tally: &mut Tally) {
        let Some(arn) = &self.settings.certificate else { return };
        match self.certificate(arn, author).await {
            Ok(told) => tally.done.found_due += usize::from(told),
            Err(error) => tally.fail("certificate", error),
        }
    }

    async fn certificate(&self, arn: &str, author: &Author) -> Result<bool, Error> {
        const OPERATION: &str = "acm:DescribeCertificate";
        let (kind, now) = (CredentialKind::Certificate, self.clock.now());
        let described = self.acm.describe_certificate().certificate_arn(arn).send().await;
        let described = described.map_err(|error| Error::unavailable(OPERATION, &error))?;
        let certificate = described.certificate.ok_or_else(|| Error::corrupt("certificate", "not described"))?;
        let begins_at = timestamp("begin of a certificate", certificate.not_before.as_ref())?;
        let ends_at = timestamp("end of a certificate", certificate.not_after.as_ref())?;
        let name = certificate.domain_name.unwrap_or_else(|| arn.to_owned());
        let row = RegisterRow {
            kind,
            credential: name.clone(),
            last_rotated_at: begins_at,
            rotated_by: "aws-acm".to_owned(),
            because: "issued".to_owned(),
            next_due_at: Some(ends_at),
            observed_at: now,
        };
        self.register.observe(&row).await?;
        if now < ends_at - kind.schedule().notice.unwrap_or_default() {
            return Ok(false);
        }
        let due = Finding {
            kind: NoticeKind::CertificateDue,
            credential_kind: Some(kind),
            resource: format!("certificate:{name}"),
            turn: rfc3339(ends_at),
            due_at: Some(ends_at),
            text: format!(
                "The certificate of {name} ends at {}.\n\
                 ACM renews one that it issued while its DNS record is there; one that was imported is to be imported anew.",
                rfc3339(ends_at)
            ),
            credential: name,
        };
        self.tell_due(&due, Change::default(), author).await
    }
}
