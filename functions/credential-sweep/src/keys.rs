//! API keys that have something due: all parts of the index at once, page after page, as long as there is time.

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::author::Author;
use engine_aws::clock::SharedClock;
use engine_aws::directory::{DUE_SHARDS, Directory, Swept};
use engine_aws::rotations::Outbox;
use engine_core::access::KeyId;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::CredentialSweep;
use crate::tally::{Done, Tally};

/// Keys in a page.
const PAGE: i32 = 100;

/// One part of the index, swept by itself.
struct Part {
    shard: u8,
    directory: Arc<Directory>,
    outbox: Outbox,
    author: Author,
    clock: SharedClock,
    /// Nothing is begun from then on.
    until: Timestamp,
}

/// What came of a part.
#[derive(Default)]
struct Came {
    done: Done,
    /// The first failures of its keys. Where one fails, many may: a line for each would be no help.
    failed: Vec<(String, Error)>,
    failures: usize,
}

/// Failures of a part that are told one by one.
const TOLD: usize = 3;

impl CredentialSweep {
    /// Does what is due for API keys.
    pub(crate) async fn sweep_keys(&self, author: &Author, until: Timestamp, tally: &mut Tally) {
        let mut parts = JoinSet::new();
        for shard in 0..DUE_SHARDS {
            let part = Part {
                shard,
                directory: Arc::clone(&self.directory),
                outbox: self.outbox.clone(),
                author: author.clone(),
                clock: Arc::clone(&self.clock),
                until,
            };
            parts.spawn(part.sweep());
        }
        while let Some(swept) = parts.join_next().await {
            match swept {
                Ok(came) => came.add_to(tally),
                Err(error) => {
                    let cut_off = Error::Unavailable { operation: "sweeping keys", cause: error.to_string() };
                    tally.fail("API keys", cut_off);
                }
            }
        }
    }
}

impl Part {
    async fn sweep(self) -> Came {
        let (mut came, mut after, due) = (Came::default(), None, self.clock.now());
        loop {
            if self.until <= self.clock.now() {
                came.done.cut_short = true;
                return came;
            }
            let page = match self.directory.due_keys(self.shard, due, after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    came.fail(format!("API keys of part {}", self.shard), error);
                    return came;
                }
            };
            let swept = self.directory.sweep_keys(&page.items, &self.outbox, &self.author, self.clock.now()).await;
            for (id, swept) in swept {
                came.note(&id, swept);
            }
            after = page.next;
            if after.is_none() {
                return came;
            }
        }
    }
}

impl Came {
    fn note(&mut self, id: &KeyId, swept: Result<Swept, Error>) {
        match swept {
            Ok(Swept::Offered) => self.done.successors_offered += 1,
            Ok(Swept::Expired) => self.done.keys_expired += 1,
            Ok(Swept::RevokedIdle | Swept::RevokedTerminated) => self.done.keys_revoked += 1,
            Ok(Swept::Moved | Swept::Gone) => {}
            Err(error) => self.fail(format!("API key {id}"), error),
        }
    }

    fn fail(&mut self, what: String, error: Error) {
        self.failures += 1;
        if self.failed.len() < TOLD {
            self.failed.push((what, error));
        }
    }

    fn add_to(self, tally: &mut Tally) {
        tally.done.successors_offered += self.done.successors_offered;
        tally.done.keys_expired += self.done.keys_expired;
        tally.done.keys_revoked += self.done.keys_revoked;
        tally.done.cut_short |= self.done.cut_short;
        let more = self.failures - self.failed.len();
        for (what, error) in self.failed {
            tally.fail(what, error);
        }
        if more > 0 {
            let cause = format!("{more} more failed in the same part of the index");
            tally.fail("API keys", Error::Unavailable { operation: "sweeping keys", cause });
        }
    }
}
