/// What is shown in place of a secret.
const MASK: &str = "***";

/// A place of records, or another URL, as it may be shown: without the password of a URL, and without parameters that may hold one.
pub(super) fn url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // Whatever it is, if it is neither of these it may be a URL with a slip in it.
        let is_plain = text.is_empty() || text == "memory" || text.starts_with("redb:");
        return if is_plain { text.to_owned() } else { MASK.to_owned() };
    };
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, rest)| (place, Some(rest)));
    let (user, hosts) = match place.rsplit_once('@') {
        Some((user, hosts)) => (user.split_once(':').map(|(user, _)| user).or(Some(user)), hosts),
        None => (None, place),
    };
    let user = user.map(|user| format!("{user}:{MASK}@")).unwrap_or_default();
    let parameters =
        parameters.map(|parameters| format!("?{}", parameters_of(parameters))).unwrap_or_default();
    format!("{scheme}://{user}{hosts}{parameters}")
}

fn parameters_of(text: &str) -> String {
    let shown = text.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name @ ("sslmode" | "sslrootcert" | "schema" | "host" | "port" | "dbname"), value)) => {
            format!("{name}={value}")
        }
        Some((name, _)) => format!("{name}={MASK}"),
        None => MASK.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn no_password_is_shown_wherever_it_stands() {
        for (text, shown) in [
            ("memory", "memory"),
            ("redb:/a/b.redb", "redb:/a/b.redb"),
            ("postgres://u:hush@h/d", "postgres://u:***@h/d"),
            ("postgres://u:hu@sh@a,b:5433/d?sslmode=require", "postgres://u:***@a,b:5433/d?sslmode=require"),
            ("postgres://u@h/d", "postgres://u:***@h/d"),
            ("postgres:///d?host=/run&password=hush", "postgres:///d?host=/run&password=***"),
            ("host=h password=hush", "***"),
            ("postgres:hush", "***"),
            ("http://localhost:4318", "http://localhost:4318"),
            ("https://u:hush@collector?key=hush", "https://u:***@collector?key=***"),
            ("", ""),
        ] {
            assert_eq!(url(text), shown);
        }
    }
}
