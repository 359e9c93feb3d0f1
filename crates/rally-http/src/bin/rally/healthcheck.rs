//! The question whether a server is ready, for whoever supervises it.

use crate::{
    client::{self, RootsArguments, ServerUrl},
    failure::Failure,
};

pub(crate) fn check(server: &ServerUrl, roots: &RootsArguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    runtime.block_on(client::check_ready(server, roots))
}
