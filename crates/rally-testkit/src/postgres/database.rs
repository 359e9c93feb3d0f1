use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// A database that accepts connections, and its address. Its clones are one database.
#[derive(Clone, Debug)]
pub struct Database {
    address: String,
    password: Option<String>,
}

impl Database {
    /// The database of a URL, which may have parameters, and of a password that is not in it.
    pub(super) fn new(address: String, password: Option<String>) -> Self {
        Self { address, password }
    }

    /// The URL without a schema: what a client other than Rally's store takes, such as `psql`.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => with_parameter(&self.address, "password", password),
            None => self.address.clone(),
        }
    }

    /// The URL with a schema that no other test, process or run has, in the parameter `schema`.
    ///
    /// The schema is named but not made.
    #[must_use]
    pub fn fresh_url(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        with_parameter(&self.url(), "schema", &format!("t_{}_{count}_{time}", process::id()))
    }

    /// The same database with another password, which may be a wrong one: of letters and digits.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        Self { address: self.address.clone(), password: Some(password.to_owned()) }
    }
}

fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_joins_those_that_are_there() {
        assert_eq!(with_parameter("postgres://host/db", "a", "1"), "postgres://host/db?a=1");
        assert_eq!(with_parameter("postgres://host/db?a=1", "b", "2"), "postgres://host/db?a=1&b=2");
    }

    #[test]
    fn a_schema_is_named_once() {
        let database = Database::new("postgres://host/db".to_owned(), None);
        assert_ne!(database.fresh_url(), database.fresh_url());
        assert!(database.fresh_url().starts_with("postgres://host/db?schema=t_"));
    }

    #[test]
    fn a_password_replaces_the_one_before() {
        let database = Database::new("postgres://host/db".to_owned(), Some("right".to_owned()));
        assert_eq!(database.url(), "postgres://host/db?password=right");
        assert_eq!(database.with_password("wrong").url(), "postgres://host/db?password=wrong");
    }
}
