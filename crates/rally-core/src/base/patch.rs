use super::{Scope, Scopes, Tags};

/// A change of an optional member.
///
/// Setters take anything that becomes one: a value sets it, `None` clears it.
///
/// ```
/// use rally_core::{ContactUpdate, Patch};
///
/// let update = ContactUpdate::new().phone("+44 20 7946 0000").lead_score(90).title(Patch::Clear);
/// # drop(update);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The member stays as it is.
    #[default]
    Keep,
    /// The member gets no value, or its default if it has one.
    Clear,
    /// The member gets this value.
    Set(T),
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Patch::Set(value)
    }
}

impl<T> From<Option<T>> for Patch<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Patch::Clear, Patch::Set)
    }
}

impl From<&str> for Patch<String> {
    fn from(value: &str) -> Self {
        Patch::Set(value.to_owned())
    }
}

impl From<Scope> for Patch<Scopes> {
    fn from(scope: Scope) -> Self {
        Patch::Set(scope.into())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Patch<Tags> {
    fn from(tags: [S; N]) -> Self {
        Patch::Set(tags.into())
    }
}

impl<S: Into<String>> From<Vec<S>> for Patch<Tags> {
    fn from(tags: Vec<S>) -> Self {
        Patch::Set(tags.into())
    }
}
