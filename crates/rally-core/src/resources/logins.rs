use std::{fmt, sync::LazyLock};

use crate::{
    base::{Error, limits},
    engine::{Body, Json, Model, Profile, Rule, Shape, stored, unquote},
};

const EMAIL: u8 = 0;
const PASSWORD: u8 = 1;
const TENANT: u8 = 2;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        stored(EMAIL, "email", SHORT).required(),
        stored(PASSWORD, "password", Rule::Shape(&ANY_TEXT)).required(),
        stored(TENANT, "tenant", SHORT),
    ])
});

/// A password to try may be as wrong as it likes.
const ANY_TEXT: Shape = Shape {
    read: |raw, _| match serde_json::from_str::<String>(raw) {
        Ok(_) => Ok(raw.to_owned()),
        Err(_) => Err("must be a string".into()),
    },
    schema: r#"{"type":"string","format":"password","writeOnly":true}"#,
};

/// What a user logs in with.
#[derive(Clone, PartialEq, Eq)]
pub struct LogInDraft {
    /// The user's e-mail address.
    pub email: String,
    /// The user's password.
    pub password: String,
    /// The tenant's slug, where nothing else says it.
    pub tenant: Option<String>,
}

impl LogInDraft {
    /// Its members.
    #[must_use]
    pub fn model() -> &'static Model {
        &MODEL
    }

    /// Reads it from JSON. What else is in it is passed over: whose profile it would be read by is not known yet.
    ///
    /// # Errors
    /// [`Code::MalformedJson`](crate::Code::MalformedJson), or [`Code::Validation`](crate::Code::Validation) with all that
    /// is wrong with it.
    pub fn read(json: &Json<'_>) -> Result<Self, Error> {
        let body = Body::read(&MODEL, json.0, Profile::Documented, "the body")?;
        body.create(&MODEL)?;
        let text = |slot| body.value(slot).map(|json| unquote(json.as_bytes()));
        let (email, password) = (text(EMAIL).unwrap_or_default(), text(PASSWORD).unwrap_or_default());
        Ok(Self { email, password, tenant: text(TENANT) })
    }
}

impl fmt::Debug for LogInDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogInDraft")
            .field("email", &self.email)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
