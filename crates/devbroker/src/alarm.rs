//! A clock that rings once, for a task that looks after what is due and knows when something will be next.

use crate::sync::{lock, stopped};
use std::sync::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Rings at the earliest time that it was set to. One task waits for it, anybody sets it.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    at: Mutex<Option<Instant>>,
    earlier: Notify,
}

impl Alarm {
    /// Makes it ring then, unless it does earlier.
    pub fn set(&self, deadline: Instant) {
        let mut at = lock(&self.at);
        if at.is_none_or(|set| deadline < set) {
            *at = Some(deadline);
            self.earlier.notify_one();
        }
    }

    /// Waits until it rings, after which it is not set; false when the broker stops before that.
    pub async fn rings(&self, stopping: &mut watch::Receiver<bool>) -> bool {
        loop {
            let at = *lock(&self.at);
            let ring = async {
                match at {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stopped(stopping) => return false,
                () = self.earlier.notified() => {}
                () = ring => {
                    *lock(&self.at) = None;
                    return true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_earliest_time_and_once() {
        let (stop, mut stopping) = watch::channel(false);
        let alarm = Alarm::default();
        let start = Instant::now();
        alarm.set(start + Duration::from_secs(9));
        let sooner = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            alarm.set(start + Duration::from_secs(5));
            alarm.set(start + Duration::from_secs(7));
        };
        let (rang, ()) = tokio::join!(alarm.rings(&mut stopping), sooner);
        assert!(rang);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        let again = tokio::time::timeout(Duration::from_secs(60), alarm.rings(&mut stopping)).await;
        assert!(again.is_err(), "nothing set it again");
        stop.send(true).unwrap();
        assert!(!alarm.rings(&mut stopping).await);
    }
}
