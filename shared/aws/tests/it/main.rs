//! The adapters against an embedded DynamoDB and doubles of the other services.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod audit_log;
mod desk;
mod directory_clients;
mod directory_contacts;
mod directory_emergency;
mod directory_keys;
mod directory_races;
mod directory_rotation;
mod directory_sweep;
mod evidence_build;
mod evidence_jobs;
mod evidence_log;
mod evidence_logs;
mod evidence_sinks;
mod evidence_size;
mod fixture;
mod guard;
mod https;
mod issuers;
mod key_gate;
mod kms;
mod market;
mod market_book;
mod notices;
mod people;
mod people_administrators;
mod people_credentials;
mod people_factors;
mod people_onboarding;
mod people_reviews;
mod people_roles;
mod people_service_accounts;
mod records;
mod rotation_register;
mod rotations;
mod rotations_emergency;
mod sealed;
mod sealed_log;
mod sealed_read;
mod secret_versions;
mod secrets;
mod terms;
