use std::{fmt, mem, sync::Arc, time::Duration};

use opentelemetry::Context;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as Exporter, SpanProcessor},
};
use tokio::{
    sync::{
        Notify,
        mpsc::{self, error::TryRecvError},
        oneshot,
    },
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    client::{Client, Reason},
    options::{TraceError, TraceOptions},
};
use crate::metrics::{Metrics, SpanEnd};

/// The way of spans to a collector, which ends when this is dropped: what waits then is sent, if the runtime lives.
#[derive(Debug)]
pub struct Exporting {
    /// Dropped, it asks for the end.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// The spans that wait, of which there is a bound: those beyond are dropped and counted, and nobody waits for a place.
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    at_once: usize,
    enough: Arc<Notify>,
    metrics: Metrics,
}

/// The sender of the spans that wait, one batch after the other.
struct Worker<E> {
    exporter: E,
    spans: mpsc::Receiver<SpanData>,
    at_once: usize,
    delay: Duration,
    /// Told when there are as many spans as are sent at once.
    enough: Arc<Notify>,
    metrics: Metrics,
    /// The reason of the last failure, where the exporter does not tell it.
    reason: Reason,
    is_well: bool,
}

impl Exporting {
    /// Begins to send to the collector.
    pub(super) fn begin(options: &TraceOptions, metrics: &Metrics) -> Result<(Queue, Self), TraceError> {
        let (url, reason) = (options.url()?, Reason::default());
        let client = Client::new(url.clone(), options.timeout, Arc::clone(&reason));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(url)
            .with_timeout(options.timeout)
            .build();
        let mut exporter = exporter.map_err(|error| TraceError(error.to_string()))?;
        exporter.set_resource(&options.resource());
        let (queue, worker) = queue_to(exporter, options, metrics, reason);
        let (stop, stopping) = oneshot::channel();
        Ok((queue, Self { stop, task: tokio::spawn(worker.run(stopping)) }))
    }

    /// Sends what waits, and ends; at most so long.
    pub async fn stop(self, patience: Duration) {
        let Self { stop, mut task } = self;
        drop(stop);
        if timeout(patience, &mut task).await.is_err() {
            task.abort();
            tracing::warn!(
                "the last spans were not sent, as the collector of traces has not taken them in time"
            );
        }
    }
}

/// An exporter with the queue before it.
fn queue_to<E: Exporter>(
    exporter: E,
    options: &TraceOptions,
    metrics: &Metrics,
    reason: Reason,
) -> (Queue, Worker<E>) {
    let (sender, spans) = mpsc::channel(options.waiting.max(1));
    let (at_once, enough) = (options.at_once.max(1), Arc::new(Notify::new()));
    let queue = Queue { spans: sender, at_once, enough: Arc::clone(&enough), metrics: metrics.clone() };
    let metrics = metrics.clone();
    let worker =
        Worker { exporter, spans, at_once, delay: options.delay, enough, metrics, reason, is_well: true };
    (queue, worker)
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.spans.try_send(span).is_err() {
            self.metrics.note_spans(SpanEnd::Dropped, 1);
        }
        if self.spans.max_capacity() - self.spans.capacity() >= self.at_once {
            self.enough.notify_one();
        }
    }

    /// Does nothing: what waits is sent by the worker alone.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl<E: Exporter> Worker<E> {
    /// Sends until it is asked to stop or nobody is left who could make a span, and then what still waits.
    async fn run(mut self, mut stopping: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                _ = &mut stopping => break,
                () = self.enough.notified() => {}
                () = sleep(self.delay) => {}
            }
            if !self.send_waiting().await {
                return;
            }
        }
        self.spans.close();
        self.send_waiting().await;
    }

    /// Sends all that waits; false once nothing can come any more.
    async fn send_waiting(&mut self) -> bool {
        let mut batch = Vec::new();
        loop {
            match self.spans.try_recv() {
                Ok(span) => batch.push(span),
                Err(ended) => {
                    self.send(batch).await;
                    return ended == TryRecvError::Empty;
                }
            }
            if batch.len() >= self.at_once {
                self.send(mem::take(&mut batch)).await;
            }
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len();
        if count == 0 {
            return;
        }
        let sent = self.exporter.export(batch).await;
        self.metrics.note_spans(if sent.is_ok() { SpanEnd::Sent } else { SpanEnd::Failed }, count);
        // Told when the collector goes and when it comes back, and not at each batch.
        if self.is_well == sent.is_ok() {
            return;
        }
        self.is_well = sent.is_ok();
        match sent {
            Ok(()) => tracing::info!("the collector of traces takes spans again"),
            Err(error) => {
                let reason = self.reason.lock().take().unwrap_or_else(|| error.to_string());
                tracing::warn!(reason, "the collector of traces takes no spans at present");
            }
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("free", &self.spans.capacity()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::{
        InstrumentationScope, SpanId, TraceFlags, TraceId,
        trace::{SpanContext, SpanKind, Status, TraceState},
    };
    use opentelemetry_sdk::error::OTelSdkError;
    use tokio::{runtime::Builder, sync::Semaphore};

    use super::*;
    use crate::metrics::Page;

    /// A collector that takes a batch for each permit, and fails to take those that are of an odd number of spans.
    #[derive(Clone, Debug)]
    struct Collector {
        permits: Arc<Semaphore>,
        batches: mpsc::UnboundedSender<usize>,
    }

    impl Exporter for Collector {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let permit = self.permits.acquire().await;
            permit.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?.forget();
            let is_taken = batch.len().is_multiple_of(2);
            self.batches.send(batch.len()).unwrap();
            if is_taken { Ok(()) } else { Err(OTelSdkError::InternalFailure("odd".to_owned())) }
        }
    }

    fn span(flags: TraceFlags) -> SpanData {
        let context =
            SpanContext::new(TraceId::from(1), SpanId::from(2), flags, false, TraceState::default());
        SpanData {
            span_context: context,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: "GET".into(),
            start_time: std::time::UNIX_EPOCH,
            end_time: std::time::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    /// The counts of spans by how they have ended.
    fn counts(metrics: &Metrics) -> [u64; 3] {
        let text = Page::of(metrics.counters().unwrap(), true).text().unwrap();
        let text = String::from_utf8(text).unwrap();
        ["sent", "failed", "dropped"].map(|outcome| {
            let name = format!("rally_spans_total{{outcome=\"{outcome}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
        })
    }

    #[test]
    fn what_waits_is_bounded_what_is_over_is_counted_and_the_rest_is_sent_at_the_end() {
        let options = TraceOptions { waiting: 5, at_once: 2, ..TraceOptions::new("http://unused") };
        let (batches, mut sent) = mpsc::unbounded_channel();
        let collector = Collector { permits: Arc::new(Semaphore::new(0)), batches };
        let metrics = Metrics::new();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (queue, worker) = queue_to(collector.clone(), &options, &metrics, Reason::default());
            for _ in 0..8 {
                queue.on_end(span(TraceFlags::SAMPLED));
            }
            queue.on_end(span(TraceFlags::default()));
            assert_eq!(counts(&metrics), [0, 0, 3], "one that is not sampled takes no place");
            let (stop, stopping) = oneshot::channel();
            let exporting = Exporting { stop, task: tokio::spawn(worker.run(stopping)) };
            // As many as are sent at once do not wait for others.
            collector.permits.add_permits(1);
            assert_eq!(sent.recv().await, Some(2));
            collector.permits.add_permits(2);
            exporting.stop(Duration::from_secs(60)).await;
            assert_eq!((sent.recv().await, sent.recv().await), (Some(2), Some(1)));
            assert_eq!(counts(&metrics), [4, 1, 3]);
            queue.on_end(span(TraceFlags::SAMPLED));
            assert_eq!(counts(&metrics), [4, 1, 4], "nothing is taken after the end");
        });
    }

    #[test]
    fn the_end_does_not_wait_for_a_collector_that_takes_nothing() {
        let (batches, _sent) = mpsc::unbounded_channel();
        let collector = Collector { permits: Arc::new(Semaphore::new(0)), batches };
        let metrics = Metrics::new();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = TraceOptions::new("http://unused");
            let (queue, worker) = queue_to(collector, &options, &metrics, Reason::default());
            queue.on_end(span(TraceFlags::SAMPLED));
            let (stop, stopping) = oneshot::channel();
            let exporting = Exporting { stop, task: tokio::spawn(worker.run(stopping)) };
            exporting.stop(Duration::from_millis(1)).await;
            assert_eq!(counts(&metrics), [0, 0, 0]);
        });
    }
}
