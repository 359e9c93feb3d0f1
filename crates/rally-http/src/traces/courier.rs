use rally_core::Answered;

use super::recorder::{Recorded, Recorder};
use crate::courier::{Courier, SendError, Underway, WebhookRequest};

/// The header that names a place in a trace.
const TRACEPARENT: &str = "traceparent";

/// A courier whose attempts have spans. The receiver is told the span of the attempt, so that its own are below it.
#[derive(Debug)]
pub struct TracedCourier<C> {
    courier: C,
    recorder: Option<Recorder>,
}

impl<C: Courier> TracedCourier<C> {
    pub(super) const fn new(courier: C, recorder: Option<Recorder>) -> Self {
        Self { courier, recorder }
    }

    /// Begins the span of an attempt, which is then what the request names.
    fn begin(&self, request: &mut WebhookRequest) -> Option<Recorded> {
        let (trace, recorded) = self.recorder.as_ref()?.begin_attempt(request.trace?)?;
        request.headers.retain(|(name, _)| *name != TRACEPARENT);
        request.headers.push((TRACEPARENT, trace.to_string()));
        Some(recorded)
    }
}

impl<C: Courier> Courier for TracedCourier<C> {
    fn send(&self, mut request: WebhookRequest) -> Underway<'_, Result<Answered, SendError>> {
        let Some(recorded) = self.begin(&mut request) else { return self.courier.send(request) };
        Box::pin(async move {
            let sent = self.courier.send(request).await;
            match &sent {
                Ok(answer) => recorded.answered(answer.status),
                Err(failure) => recorded.failed(kind(failure)),
            }
            sent
        })
    }
}

/// The kind of a failure, without what it says of the receiver.
const fn kind(failure: &SendError) -> &'static str {
    match failure {
        SendError::Url(_) => "url",
        SendError::Lookup(_) => "lookup",
        SendError::NoAddress => "no_address",
        SendError::Forbidden(_) => "forbidden",
        SendError::Connect(_) => "connect",
        SendError::Tls(_) => "tls",
        SendError::Exchange(_) => "exchange",
        SendError::TimedOut { .. } => "timed_out",
    }
}
