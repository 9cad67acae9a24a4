//! One SDK configuration for all clients of a process.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

/// Longest wait for one attempt at a call; a warm call takes milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Attempts at a call, the first included.
const ATTEMPTS: u32 = 3;

/// Loads region, credentials and endpoint from the environment, as every AWS tool does.
///
/// Timeouts leave room for three attempts inside the gateway's 29 seconds.
pub async fn load() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
        .load()
        .await
}
