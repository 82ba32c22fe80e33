//! Audits.

use crate::admin::error::AdminError;
use crate::admin::proto as pb;
use crate::domain::audit::Finding;
use crate::domain::ids::Epoch;
use crate::domain::quarantine::Quarantine;
use crate::migrate::{Audit, AuditReport, Found};

use super::all;

impl From<Audit> for pb::AuditRequest {
    fn from(request: Audit) -> Self {
        Self {
            collection: request.collection.to_string(),
            drop_unproven: request.drop_unproven,
            trust_untagged: request.trust_untagged,
        }
    }
}

impl TryFrom<pb::AuditRequest> for Audit {
    type Error = AdminError;

    fn try_from(request: pb::AuditRequest) -> Result<Self, AdminError> {
        if request.collection.is_empty() {
            return Err(AdminError::invalid("collection is missing"));
        }
        Ok(Self {
            collection: request.collection.as_str().into(),
            drop_unproven: request.drop_unproven,
            trust_untagged: request.trust_untagged,
        })
    }
}

impl From<Found> for pb::Found {
    fn from(found: Found) -> Self {
        let finding = match found.finding {
            Finding::Untagged => pb::Finding::Untagged,
            Finding::ForeignClaim => pb::Finding::ForeignClaim,
            Finding::EmptyClaim => pb::Finding::EmptyClaim,
            Finding::UnknownVector => pb::Finding::UnknownVector,
            Finding::WrongDimension => pb::Finding::WrongDimension,
        };
        Self {
            finding: finding.into(),
            points: found.points,
            examples: found.examples,
        }
    }
}

impl TryFrom<pb::Found> for Found {
    type Error = AdminError;

    fn try_from(found: pb::Found) -> Result<Self, AdminError> {
        let finding = match pb::Finding::try_from(found.finding) {
            Ok(pb::Finding::Untagged) => Finding::Untagged,
            Ok(pb::Finding::ForeignClaim) => Finding::ForeignClaim,
            Ok(pb::Finding::EmptyClaim) => Finding::EmptyClaim,
            Ok(pb::Finding::UnknownVector) => Finding::UnknownVector,
            Ok(pb::Finding::WrongDimension) => Finding::WrongDimension,
            Ok(pb::Finding::Unspecified) | Err(_) => {
                return Err(AdminError::invalid(format!(
                    "finding {} is unknown to this version",
                    found.finding
                )));
            }
        };
        Ok(Self {
            finding,
            points: found.points,
            examples: found.examples,
        })
    }
}

impl From<AuditReport> for pb::AuditReport {
    fn from(report: AuditReport) -> Self {
        Self {
            collection: report.collection.to_string(),
            points: report.points,
            findings: report.findings.into_iter().map(Into::into).collect(),
            mended: report.mended,
            lifted: report.lifted,
            quarantine: report.quarantine.map(Into::into),
            epoch: report.epoch.0,
        }
    }
}

impl TryFrom<pb::AuditReport> for AuditReport {
    type Error = AdminError;

    fn try_from(report: pb::AuditReport) -> Result<Self, AdminError> {
        Ok(Self {
            collection: report.collection.as_str().into(),
            points: report.points,
            findings: all(report.findings)?,
            mended: report.mended,
            lifted: report.lifted,
            quarantine: report.quarantine.map(Quarantine::try_from).transpose()?,
            epoch: Epoch(report.epoch),
        })
    }
}
