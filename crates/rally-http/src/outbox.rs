use rally_core::{Engine, Error, OutboxFigures, Timestamp};
use tokio::{sync::Mutex, time::timeout};

use crate::limits;

/// The figures of the events that wait to be delivered, looked at once at a time and a few times a minute, however many
/// ask.
#[derive(Debug, Default)]
pub(crate) struct OutboxWatch {
    last: Mutex<Option<(Timestamp, OutboxFigures)>>,
}

impl OutboxWatch {
    /// The figures, which are a few seconds old at most, or those that `look` finds now; `None` if the store does not
    /// answer in time.
    pub(crate) async fn figures(
        &self,
        engine: &Engine,
        look: impl Future<Output = Result<OutboxFigures, Error>>,
    ) -> Option<OutboxFigures> {
        let mut last = self.last.lock().await;
        let now = engine.clock().now();
        if let Some((at, figures)) = &*last
            && *at <= now
            && now < at.plus_micros(limits::OUTBOX_WATCH_MICROS)
        {
            return Some(*figures);
        }
        *last = match timeout(limits::READINESS_PATIENCE, look).await {
            Ok(Ok(figures)) => Some((now, figures)),
            _ => None,
        };
        last.map(|(_, figures)| figures)
    }
}
