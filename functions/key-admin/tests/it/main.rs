//! The admin API over an embedded DynamoDB and doubles of KMS, Secrets Manager and SNS, called as API Gateway calls it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod access_review;
mod arranged;
mod asked;
mod clients;
mod contacts;
mod elevation;
mod factor_enrolment;
mod fixture;
mod keys_claim;
mod keys_create;
mod keys_emergency;
mod keys_list;
mod keys_revoke;
mod keys_rotate;
mod principals_disable;
mod principals_onboarding;
mod principals_roles;
mod requests;
mod roles_review;
mod service_accounts;
