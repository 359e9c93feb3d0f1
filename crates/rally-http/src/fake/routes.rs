//! The names of the API's routes: the paths of its document, without `/api/v1`.

use std::sync::LazyLock;

use crate::{call::below_api, routes};

/// A route of the API.
struct Known {
    method: String,
    path: String,
    /// Parameters in the path, by which a path of its own is told from one with a parameter.
    parameters: usize,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = |route: crate::route::Route| Known {
        method: route.method.name().to_ascii_uppercase(),
        parameters: route.path.matches('{').count(),
        path: route.path,
    };
    let mut all: Vec<Known> = routes::api().into_iter().map(known).collect();
    all.sort_by_key(|route| route.parameters);
    all
});

/// The name of the route that a request has; `None` for a path that no route has.
pub(super) fn name_of(method: &str, path: &str) -> Option<&'static str> {
    let path = below_api(path)?;
    let fits = |known: &&Known| fits(&known.path, path);
    let by_method = KNOWN.iter().filter(fits).find(|known| known.method == method);
    by_method.or_else(|| KNOWN.iter().find(fits)).map(|known| known.path.as_str())
}

/// True if the API has a route of that name, with that method if one is given.
pub(super) fn is_known(name: &str, method: Option<&str>) -> bool {
    KNOWN.iter().any(|known| known.path == name && method.is_none_or(|method| known.method == method))
}

/// True if a route of the API has that method.
pub(super) fn is_method(method: &str) -> bool {
    KNOWN.iter().any(|known| known.method == method)
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_names_of_the_document() {
        for (method, path, name) in [
            ("GET", "/api/v1/contacts", Some("/contacts")),
            ("POST", "/api/contacts", Some("/contacts")),
            ("PUT", "/api/v1/contacts/upsert", Some("/contacts/upsert")),
            ("PUT", "/api/v1/contacts/7", Some("/contacts/{id}")),
            ("PATCH", "/api/v1/deals/7/stage", Some("/deals/{id}/stage")),
            ("BREW", "/api/v1/deals/7/stage", Some("/deals/{id}/stage")),
            ("GET", "/api/v1/nothing", None),
            ("GET", "/api/v1/contacts/", None),
            ("GET", "/healthz", None),
        ] {
            assert_eq!(name_of(method, path), name, "{method} {path}");
        }
        assert!(is_known("/contacts", None) && is_known("/contacts", Some("POST")));
        assert!(!is_known("/contacts", Some("PATCH")) && !is_known("/api/v1/contacts", None));
    }
}
