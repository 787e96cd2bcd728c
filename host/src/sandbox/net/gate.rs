//! One step's way to the network: checks each request, counts what comes back, and keeps what was denied.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Interval;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::client::{Driver, Sent, send};
use super::grant::{Destination, HostGrant, admit};
use crate::diagnostic::bytes_text;
use crate::sandbox::denials::Denials;
use crate::sandbox::failure::{FailureKind, StepFailure};
use crate::sandbox::interrupt::{TICK, Watch};

/// Requests of one step whose responses have not been read to their end.
const MAX_OPEN_REQUESTS: usize = 32;

/// One step's way to the network.
pub(in crate::sandbox) struct Gate {
    grants: Vec<HostGrant>,
    watch: Watch,
    meter: Arc<Meter>,
    /// Each open request holds one more.
    open: Arc<()>,
}

/// What the requests of one step share, on whatever thread they are.
struct Meter {
    limit: u64,
    received: AtomicU64,
    denials: Mutex<Denials>,
}

impl Gate {
    pub(in crate::sandbox) fn new(grants: Vec<HostGrant>, watch: Watch, limit: u64) -> Self {
        let meter = Meter { limit, received: AtomicU64::new(0), denials: Mutex::default() };
        Self { grants, watch, meter: Arc::new(meter), open: Arc::new(()) }
    }

    /// What was denied since this was last asked: sentences.
    pub(in crate::sandbox) fn take_denials(&self) -> BTreeSet<String> {
        self.meter.denials.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why the step fails, if more came back than it may receive: the guest itself may hide it.
    pub(in crate::sandbox) fn refused(&self) -> Option<StepFailure> {
        let Meter { limit, received, .. } = &*self.meter;
        let message = || format!("the responses to the step's requests exceed {}", bytes_text(*limit));
        let is_exceeded = received.load(Ordering::Relaxed) > *limit;
        is_exceeded.then(|| StepFailure::limit(FailureKind::ResponsesTooLarge, message(), "responses"))
    }
}

impl Meter {
    fn deny(&self, request: &str, problem: &str) {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).note(request, problem);
    }

    /// Counts bytes that came back; an error once they are too many.
    fn receive(&self, bytes: usize) -> Result<(), Error> {
        let received = self.received.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        if received > self.limit { Err(Error::HttpResponseBodySize(Some(self.limit))) } else { Ok(()) }
    }
}

type Answer = Result<(Response<WasiBody>, Driver), Error>;

impl WasiHttpHooks for Gate {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Driver,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let told =
            format!("{} {scheme}://{}", request.method(), uri.authority().map_or("", |it| it.as_str()));
        let destination = match admit(&self.grants, request.method(), uri) {
            Ok(destination) => destination,
            Err(problem) => {
                self.meter.deny(&told, problem);
                return Box::new(async { Err(Error::HttpRequestDenied) });
            }
        };
        if Arc::strong_count(&self.open) > MAX_OPEN_REQUESTS {
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        }
        let (watch, meter, open) = (self.watch.clone(), Arc::clone(&self.meter), Arc::clone(&self.open));
        Box::new(answer(request, destination, told, watch, meter, open))
    }
}

async fn answer(
    request: Request<WasiBody>,
    destination: Destination,
    told: String,
    watch: Watch,
    meter: Arc<Meter>,
    open: Arc<()>,
) -> Answer {
    match while_running(&watch, send(request, &destination)).await? {
        Sent::Denied(problem, error) => {
            meter.deny(&told, &problem);
            Err(error)
        }
        Sent::Response(response, driver) => {
            let ended = watch.clone();
            let look = tokio::time::interval(TICK);
            let response =
                response.map(|incoming| Metered { incoming, look, watch, meter, _open: open }.boxed_unsync());
            let driver = async move { while_running(&ended, Box::into_pin(driver)).await };
            Ok((response, Box::new(driver)))
        }
    }
}

/// What comes of `work`, unless the step has to stop before.
async fn while_running<T>(watch: &Watch, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(TICK, work.as_mut()).await {
            return done;
        }
        if watch.check_waiting().is_err() {
            return Err(Error::ConnectionTimeout);
        }
    }
}

/// A response's body: counted, and cut off when the step has to stop.
struct Metered {
    incoming: Incoming,
    look: Interval,
    watch: Watch,
    meter: Arc<Meter>,
    _open: Arc<()>,
}

impl Body for Metered {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(self.meter.receive(bytes).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                while self.look.poll_tick(context).is_ready() {
                    if self.watch.check_waiting().is_err() {
                        return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
                    }
                }
                Poll::Pending
            }
        }
    }
}
