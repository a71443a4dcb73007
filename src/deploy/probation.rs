//! A new active model is on probation: until it is proven, a start of it that ends without a word counts against it. A model
//! that brings the process down again and again gives way to the one before it at the next start (`Record::at_start`).

use std::io;
use std::time::Duration;

use super::Deployment;
use super::record::Record;

/// A model is proven no sooner, even where the one before it is not kept in memory.
const SHORTEST: Duration = Duration::from_secs(60);

impl Deployment {
    /// Ends the active model's probation, if it is on any, when it has served for as long as its predecessor is kept.
    pub(super) fn watch_probation(&self) {
        if self.inner.origin.state.is_none() {
            return;
        }
        let (inner, digest) = (std::sync::Arc::downgrade(&self.inner), self.active().id().digest.clone());
        let probation = self.inner.limits.keep_previous.max(SHORTEST);
        tokio::spawn(async move {
            tokio::time::sleep(probation).await;
            let Some(inner) = inner.upgrade() else { return };
            let proven = tokio::task::spawn_blocking(move || {
                Self { inner }.update_record(|record| {
                    if record.active.digest == digest {
                        record.unproven_starts = None;
                    }
                });
            });
            // Were it to panic, the model would stay on probation.
            let _ = proven.await;
        });
    }

    /// Says that the process was asked to end: what happens from now on is not the model's doing.
    pub fn end(&self) {
        self.update_record(|record| {
            record.unproven_starts = record.unproven_starts.map(|starts| starts.saturating_sub(1));
        });
    }

    fn update_record(&self, change: impl FnOnce(&mut Record)) {
        let Some(state) = &self.inner.origin.state else { return };
        // Nobody promotes meanwhile.
        let _turn = self.lock();
        let updated: io::Result<()> = state.update(change);
        if let Err(error) = updated {
            tracing::error!(%error, "the record of the active model cannot be changed");
        }
    }
}
