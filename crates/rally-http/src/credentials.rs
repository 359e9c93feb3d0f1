//! The body of a login.

use std::fmt;

use rally_core::{Error, Faults, limits::SHORT_TEXT};
use serde_json::{Value, json, value::RawValue};

use crate::{object::members, openapi::told};

/// The credentials of a user who logs in.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) email: String,
    pub(crate) password: String,
    /// The tenant's slug, which a body may leave out if the host names the tenant.
    pub(crate) tenant: Option<String>,
}

impl Credentials {
    /// Reads a body. Unknown members are ignored: the profile of the tenant that would refuse them is not known yet.
    ///
    /// # Errors
    /// [`Code::MalformedJson`](rally_core::Code::MalformedJson), or [`Code::Validation`](rally_core::Code::Validation) with every fault.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Error> {
        let (mut email, mut password, mut tenant) = (Given::Nothing, Given::Nothing, Given::Nothing);
        let mut faults = Faults::new();
        for (name, raw) in members(json)? {
            match name.as_str() {
                "email" => email.take(&name, raw, short_text, &mut faults),
                "password" => password.take(&name, raw, any_text, &mut faults),
                "tenant" => tenant.take(&name, raw, short_text, &mut faults),
                _ => {}
            }
        }
        let email = email.required("email", &mut faults);
        let password = password.required("password", &mut faults);
        match (email, password) {
            (Some(email), Some(password)) if faults.is_empty() => {
                Ok(Self { email, password, tenant: tenant.text() })
            }
            _ => Err(faults.into()),
        }
    }

    /// The schema of the body.
    pub(crate) fn schema() -> Value {
        let email = json!({ "type": "string", "minLength": 1, "maxLength": SHORT_TEXT });
        let password = json!({ "type": "string", "format": "password", "minLength": 1, "writeOnly": true });
        let tenant = json!({ "type": ["string", "null"], "maxLength": SHORT_TEXT });
        json!({
            "type": "object",
            "description": "The credentials of a user.",
            "required": ["email", "password"],
            "properties": {
                "email": told(email, "The user's address.", json!("mary@analytical.example")),
                "password": told(password, "The user's password.", json!("correct horse battery")),
                "tenant": told(tenant, "The tenant's slug, if the host does not name it.", json!("acme")),
            },
        })
    }
}

impl fmt::Debug for Credentials {
    /// All members but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, tenant, password: _ } = self;
        f.debug_struct("Credentials").field("email", email).field("tenant", tenant).finish_non_exhaustive()
    }
}

/// The value of a member.
#[derive(PartialEq, Eq)]
enum Given {
    Nothing,
    Null,
    Text(String),
    Fault,
}

impl Given {
    /// Reads the JSON text of a value.
    fn take(
        &mut self,
        name: &str,
        raw: &RawValue,
        read: fn(&str) -> Result<String, String>,
        faults: &mut Faults,
    ) {
        let read = match raw.get() {
            _ if *self != Self::Nothing => Err("is given twice".to_owned()),
            "null" => Ok(Self::Null),
            text => read(text).map(Self::Text),
        };
        *self = read.unwrap_or_else(|phrase| {
            faults.add(name, phrase);
            Self::Fault
        });
    }

    /// The text of a member that must have one; `None` with a fault.
    fn required(self, name: &str, faults: &mut Faults) -> Option<String> {
        let phrase = match self {
            Self::Text(text) if !text.is_empty() => return Some(text),
            Self::Text(_) => "must not be empty",
            Self::Nothing | Self::Null => "is required",
            Self::Fault => return None,
        };
        faults.add(name, phrase);
        None
    }

    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Null | Self::Fault => None,
        }
    }
}

/// The text of a JSON string, trimmed.
fn short_text(raw: &str) -> Result<String, String> {
    if !raw.starts_with('"') {
        return Err("must be a string".to_owned());
    }
    let text: String = serde_json::from_str(raw).map_err(|_| "holds half of a surrogate pair".to_owned())?;
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err("holds a control character other than tab and line breaks".to_owned());
    }
    if text.chars().count() > SHORT_TEXT {
        return Err(format!("must not be longer than {SHORT_TEXT} characters"));
    }
    Ok(text.to_owned())
}

/// The text of a JSON string, to the character: a wrong password may be any text.
fn any_text(raw: &str) -> Result<String, String> {
    serde_json::from_str(raw).map_err(|_| "must be a string".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of a body as the log has them.
    fn faults(body: &str) -> String {
        let error = Credentials::read(body.as_bytes()).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("horse"));
        let faults = error.faults().by_member().iter();
        let faults = faults.map(|(member, phrases)| format!("{member} {}", phrases.join(" and ")));
        format!("{}: {}", error.code().name(), faults.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn all_faults_are_told_and_never_the_password() {
        for (body, expected) in [
            ("{}", "validation: email is required; password is required"),
            (r#"{"email":1,"password":2}"#, "validation: email must be a string; password must be a string"),
            (r#"{"email":"o","password":["horse"]}"#, "validation: password must be a string"),
            (r#"{"email":"o","password":"horse","tenant":7}"#, "validation: tenant must be a string"),
            (
                r#"{"email":" ","password":"","tenant":null}"#,
                "validation: email must not be empty; password must not be empty",
            ),
            (
                r#"{"email":1,"email":"o","password":"horse","password":"horse","password":null}"#,
                "validation: email must be a string and is given twice; \
                 password is given twice and is given twice",
            ),
            (
                r#"{"email":"\ud800","password":"\ud800"}"#,
                "validation: email holds half of a surrogate pair; password must be a string",
            ),
            (
                r#"{"email":"a\u0000","password":"\u0000"}"#,
                "validation: email holds a control character other than tab and line breaks",
            ),
            (r#"{"password":"horse""#, "malformed_json: "),
            (r#"{"email":"o","password":"horse"}x"#, "malformed_json: "),
        ] {
            assert_eq!(faults(body), expected, "{body}");
        }
        let text = |length: usize| format!(r#"{{"email":"{}","password":"x"}}"#, "ä".repeat(length));
        assert!(Credentials::read(text(255).as_bytes()).is_ok());
        assert_eq!(faults(&text(256)), "validation: email must not be longer than 255 characters");
    }

    #[test]
    fn a_password_is_read_to_the_character_and_not_shown() {
        let body = br#"{"email":" o ","password":" horse ","tenant":null,"remember":true}"#;
        let credentials = Credentials::read(body).unwrap();
        assert!(!format!("{credentials:?}").contains("horse"));
        let Credentials { email, password, tenant } = credentials;
        assert_eq!((email.as_str(), password.as_str(), tenant), ("o", " horse ", None));
    }
}
