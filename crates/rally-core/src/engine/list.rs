//! What a list is asked for, and reading it from a query string.

use std::collections::BTreeMap;

use super::{Fields, Model, Profile, Resource, selection::Selection, stage::Of};
use crate::base::{Error, Faults, Timestamp, limits};

/// What a list is asked for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// How many records at most; 1 to [`limits::PAGE`].
    pub limit: usize,
    /// How many to pass over first.
    pub offset: u64,
    /// Only records that changed after this instant, in the order of their last change.
    pub updated_since: Option<Timestamp>,
    /// Whether to say how many there are in all.
    pub count: bool,
    /// Only records that have these values, each the name of one of the resource's
    /// [filters](Model::filters) and the value as text.
    pub filters: BTreeMap<String, String>,
    /// Only records of which a name begins with this, whatever the case of its letters. What counts as a name the
    /// resource's model says.
    pub search: Option<String>,
    /// Whether to leave out what is read from other records, such as their names: it is then null.
    pub without_joined: bool,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            limit: limits::PAGE,
            offset: 0,
            updated_since: None,
            count: false,
            filters: BTreeMap::new(),
            search: None,
            without_joined: false,
        }
    }
}

impl ListQuery {
    /// The same list, narrowed to the records that have a value: the name of one of the resource's
    /// [filters](Model::filters) and the value as text, such as an id.
    #[must_use]
    pub fn with(mut self, filter: &str, value: impl ToString) -> Self {
        self.filters.insert(filter.to_owned(), value.to_string());
        self
    }

    /// Reads the parameters of a list of `R`: `limit`, `offset`, `updatedSince`, `count` and `fields`, the resource's
    /// filters and, where it has names, `q`.
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) with every parameter that is wrong; in the strict profile a name
    /// that is none of these, too.
    pub fn parse<R: Resource>(pairs: &[(String, String)], profile: Profile) -> Result<(Self, Fields), Error> {
        let model = R::model();
        let mut query = Self::default();
        let mut parameters = Parameters::new(pairs);
        if let Some(limit) = parameters.number("limit", 1, limits::PAGE) {
            query.limit = limit;
        }
        if let Some(offset) = parameters.take("offset") {
            query.offset = offset.parse().unwrap_or_else(|_| {
                parameters.fault("offset", "must be a whole number from 0 up");
                0
            });
        }
        query.updated_since = parameters.instant("updatedSince");
        query.count = parameters.flag("count");
        for (name, _) in model.filters() {
            query.filters.extend(parameters.take(name).map(|value| (name.to_owned(), value.to_owned())));
        }
        if model.is_searched() {
            query.search = parameters.take("q").map(str::to_owned);
        }
        if let Err(error) = Selection::of(Of::resource::<R>(), &query) {
            parameters.faults.add_all("", error.faults().clone());
        }
        let fields = parameters.fields(model, profile);
        query.without_joined = !fields.names_joined();
        parameters.finish(profile)?;
        Ok((query, fields))
    }
}

impl Fields {
    /// Reads the parameter `fields` where it is the only one.
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) as for [`ListQuery::parse`].
    pub fn from_query(
        pairs: &[(String, String)],
        model: &'static Model,
        profile: Profile,
    ) -> Result<Self, Error> {
        let mut parameters = Parameters::new(pairs);
        let fields = parameters.fields(model, profile);
        parameters.finish(profile)?;
        Ok(fields)
    }
}

/// The parameters of a query that nobody has read yet, and what is wrong with those that somebody has.
pub(crate) struct Parameters<'a> {
    left: Vec<(&'a str, &'a str)>,
    faults: Faults,
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(pairs: &'a [(String, String)]) -> Self {
        let left = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Self { left, faults: Faults::new() }
    }

    /// Takes a parameter's value; it must not be there twice.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a str> {
        let mut values = self.left.extract_if(.., |(given, _)| *given == name).map(|(_, value)| value);
        let value = values.next();
        if values.count() > 0 {
            self.faults.add(name, "is given twice");
        }
        value
    }

    pub(crate) fn fault(&mut self, name: &str, phrase: impl Into<String>) {
        self.faults.add(name, phrase);
    }

    pub(crate) fn number(&mut self, name: &str, min: usize, max: usize) -> Option<usize> {
        let number = self.take(name)?.parse().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.fault(name, format!("must be a whole number from {min} to {max}"));
        }
        number
    }

    pub(crate) fn instant(&mut self, name: &str) -> Option<Timestamp> {
        self.given_instant(name).1
    }

    /// Whether a parameter is given, and the instant that it says if it says one.
    pub(crate) fn given_instant(&mut self, name: &str) -> (bool, Option<Timestamp>) {
        match self.take(name).map(str::parse) {
            Some(Ok(instant)) => (true, Some(instant)),
            Some(Err(error)) => {
                self.fault(name, crate::base::NotAnInstant::to_string(&error));
                (true, None)
            }
            None => (false, None),
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.fault(name, "must be true or false");
                false
            }
        }
    }

    pub(crate) fn fields(&mut self, model: &'static Model, profile: Profile) -> Fields {
        let list = self.take("fields").unwrap_or_default();
        Fields::parse(model, list, profile).unwrap_or_else(|faults| {
            self.faults.add_all("", faults);
            model.whole().clone()
        })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All faults; in the strict profile a parameter that nobody has read is one.
    pub(crate) fn finish(mut self, profile: Profile) -> Result<(), Error> {
        if profile == Profile::Strict {
            for (name, _) in &self.left {
                self.faults.add(name, "is not a parameter here");
            }
        }
        self.faults.into_result()
    }
}

/// Checks how many entries of a list or of the feed a caller wants.
pub(crate) fn check_limit(limit: usize, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(Faults::one("limit", format!("must be a whole number from 1 to {most}")).into())
}

/// Checks that a request without parameters has none, where the profile asks for that.
///
/// # Errors
/// [`Code::Validation`](crate::Code::Validation) with each that there is, in the strict profile.
pub fn no_parameters(pairs: &[(String, String)], profile: Profile) -> Result<(), Error> {
    Parameters::new(pairs).finish(profile)
}

/// Reads the one parameter of a bulk, `atomic`.
///
/// # Errors
/// [`Code::Validation`](crate::Code::Validation) as for [`ListQuery::parse`].
pub fn atomic_parameter(pairs: &[(String, String)], profile: Profile) -> Result<bool, Error> {
    let mut parameters = Parameters::new(pairs);
    let atomic = parameters.flag("atomic");
    parameters.finish(profile)?;
    Ok(atomic)
}
