//! The admin API over an embedded DynamoDB and doubles of KMS, Secrets Manager and SNS, called as API Gateway calls it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod access_review;
mod arranged;
mod asked;
mod clients;
mod contacts;
mod elevation;
mod events;
mod factor_enrolment;
mod failure_limits;
mod fixture;
mod idempotency;
mod jwt;
mod keys_claim;
mod keys_create;
mod keys_emergency;
mod keys_list;
mod keys_revoke;
mod keys_rotate;
mod openapi;
mod pasted_credentials;
mod principals_disable;
mod principals_onboarding;
mod principals_roles;
mod record;
mod requests;
mod role_route_matrix;
mod roles_review;
mod rotations_get;
mod rotations_list;
mod rotations_post;
mod routing;
mod service_accounts;
mod step_up;
