//! One SDK configuration for all clients of a process.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

/// Longest wait for one attempt at a call; a warm call takes milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);
/// Attempts at a call, the first included.
const ATTEMPTS: u32 = 2;
/// Longest wait before the second attempt.
const BACKOFF: Duration = Duration::from_millis(100);

/// Loads region, credentials and endpoint from the environment, as every AWS tool does.
///
/// The waits fit the pricing function's 10 seconds: the gate's update 1.5 s, for it is attempted once; the terms
/// 2 × 1.5 + 0.1 = 3.1 s; the entry's put the same. In all 7.7 s: a store that hangs is answered with 503, not cut off.
pub async fn load() -> SdkConfig {
    load_with(ATTEMPT_TIMEOUT, ATTEMPTS).await
}

/// The same for a process with more time.
pub async fn load_with(attempt_timeout: Duration, attempts: u32) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(BACKOFF))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(attempt_timeout).build())
        .load()
        .await
}
