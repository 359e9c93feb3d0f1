use std::{sync::Arc, time::Duration};

use rally_core::Reach;

use super::resolve::{Resolve, SystemResolver};
use crate::limits;

/// Options of an [`HttpCourier`](crate::HttpCourier).
#[derive(Clone, Debug)]
pub struct CourierOptions {
    /// The addresses that it reaches.
    pub reach: Reach,
    /// The time from looking up the host to the last byte of the answer.
    pub timeout: Duration,
    /// Bytes of the body of an answer that are read.
    pub answer_body_bytes: usize,
    /// Bytes of the head of an answer; one that is longer is none.
    pub answer_head_bytes: usize,
    /// Headers of an answer; one with more is none.
    pub answer_headers: usize,
    /// Addresses of a host that are tried.
    pub addresses_tried: usize,
    /// The resolver of names.
    pub resolver: Arc<dyn Resolve>,
    /// Root certificates besides those of the operating system, in PEM form.
    pub own_roots: Vec<u8>,
}

impl Default for CourierOptions {
    fn default() -> Self {
        Self {
            reach: Reach::Internet,
            timeout: limits::WEBHOOK_TIMEOUT,
            answer_body_bytes: limits::WEBHOOK_ANSWER_BODY_BYTES,
            answer_head_bytes: limits::WEBHOOK_ANSWER_HEAD_BYTES,
            answer_headers: limits::WEBHOOK_ANSWER_HEADERS,
            addresses_tried: limits::WEBHOOK_ADDRESSES_TRIED,
            resolver: Arc::new(SystemResolver::new(limits::WEBHOOK_LOOKUPS_AT_ONCE)),
            own_roots: Vec::new(),
        }
    }
}
