//! Windows to scores: what the cache knows is taken from it, what another request computes is waited for, the rest goes to
//! the device.

use std::sync::Arc;

use super::Pipeline;
use crate::batch::{BatchError, Scored, Window};
use crate::cache::{Claim, Follow};
use crate::caller::Caller;
use crate::model::{Detail, WindowScore};
use crate::threat::Channel;

/// What is to be done about the windows of a request that have no score yet.
#[derive(Default)]
struct Claims {
    /// To compute, by their positions in the request.
    led: (Vec<usize>, Vec<Window>),
    /// To wait for.
    followed: Vec<(usize, Follow)>,
    n_known: usize,
}

impl Pipeline {
    /// The score of each window, in order.
    pub(super) async fn score(
        &self,
        windows: &[(Arc<[u32]>, Channel)],
        detail: Detail,
        caller: &Caller,
    ) -> Result<Scored, BatchError> {
        let mut scores: Vec<Option<WindowScore>> = vec![None; windows.len()];
        let mut total = Scored::default();
        // Once, and again for windows whose computation another request gave up.
        while scores.iter().any(Option::is_none) {
            let Claims { led: (places, led), followed, n_known } = self.claim(windows, &mut scores, detail, caller);
            self.metrics.windows("cached", n_known);
            self.metrics.windows("joined", followed.len());
            self.metrics.windows("scored", led.len());
            let scored = self.queue.score(led, detail, caller).await?;
            total.add_times(&scored);
            total.n_cached += n_known;
            for (place, score) in places.into_iter().zip(scored.windows) {
                fill(&mut scores, place, Some(score));
            }
            for (place, follow) in followed {
                let score = within(caller, follow).await?;
                total.n_cached += usize::from(score.is_some());
                fill(&mut scores, place, score);
            }
        }
        total.windows = scores.into_iter().flatten().collect();
        Ok(total)
    }

    fn claim(
        &self,
        windows: &[(Arc<[u32]>, Channel)],
        scores: &mut [Option<WindowScore>],
        detail: Detail,
        caller: &Caller,
    ) -> Claims {
        let mut claims = Claims::default();
        for (place, ((ids, channel), score)) in windows.iter().zip(scores).enumerate().filter(|(_, (_, s))| s.is_none())
        {
            match self.cache.claim(&self.model.id.digest, caller, ids, *channel, detail) {
                Claim::Known(known) => {
                    *score = Some(known);
                    claims.n_known += 1;
                }
                Claim::Follow(follow) => claims.followed.push((place, follow)),
                Claim::Lead(lead) => {
                    let on_score: crate::batch::OnScore = Box::new(move |score| lead.publish(score));
                    claims.led.0.push(place);
                    claims.led.1.push(Window { ids: ids.clone(), channel: *channel, on_score: Some(on_score) });
                }
            }
        }
        claims
    }
}

fn fill(scores: &mut [Option<WindowScore>], place: usize, score: Option<WindowScore>) {
    if let Some(slot) = scores.get_mut(place) {
        *slot = score;
    }
}

/// Waits for a score that another request computes, until the caller's deadline.
async fn within(caller: &Caller, follow: Follow) -> Result<Option<WindowScore>, BatchError> {
    match caller.deadline {
        Some(deadline) => {
            tokio::time::timeout_at(deadline.into(), follow.score()).await.map_err(|_| BatchError::DeadlineExceeded)
        }
        None => Ok(follow.score().await),
    }
}
