use rally_core::{Activity, Company, Contact, Deal};

use crate::{files::files, route::Route};

pub(crate) fn routes() -> Vec<Route> {
    [files::<Contact>(), files::<Company>(), files::<Deal>(), files::<Activity>()]
        .into_iter()
        .flatten()
        .collect()
}
