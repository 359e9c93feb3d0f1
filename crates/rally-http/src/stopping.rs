use std::future::pending;

use tokio::sync::watch;

/// The coming end of what answers a request, for requests that only wait: of the server, and of a fake's tenant as it was
/// when it was asked. It stands among the extensions of each request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopping {
    server: Option<watch::Receiver<bool>>,
    tenant: Option<watch::Receiver<bool>>,
}

impl Stopping {
    pub(crate) fn of_server(server: watch::Receiver<bool>) -> Self {
        Self { server: Some(server), tenant: None }
    }

    /// The same, and the end of the tenant's present records.
    pub(crate) fn or_of_tenant(self, tenant: watch::Receiver<bool>) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// Waits until either begins to stop.
    pub(crate) async fn begun(&mut self) {
        let Self { server, tenant } = self;
        tokio::select! {
            () = told(server) => {}
            () = told(tenant) => {}
        }
    }
}

async fn told(stopping: &mut Option<watch::Receiver<bool>>) {
    let told = match stopping {
        Some(stopping) => stopping.wait_for(|is_stopping| *is_stopping).await.is_ok(),
        None => false,
    };
    if !told {
        // Without the one who tells of an end there is none.
        pending::<()>().await;
    }
}
