//! The parameters of a request, read by name. All that is wrong with them is told at once.

use std::{borrow::Cow, str::FromStr};

use rally_core::{
    Atomicity, Error, Faults, Filter, Id, ListQuery, Profile, Query, Timestamp, limits,
    parse::UnknownWord,
    schema::{Fields, Model, Search},
};

/// The parameters that nobody has read yet, and the faults of those that were read.
#[derive(Debug)]
pub(crate) struct Parameters {
    left: Vec<(String, String)>,
    profile: Profile,
    faults: Faults,
}

/// The parameters of a list.
#[derive(Debug)]
pub(crate) struct ListParameters<R> {
    pub(crate) list: ListQuery<R>,
    pub(crate) fields: Fields,
    /// Names that mean nothing here.
    pub(crate) ignored: Vec<String>,
}

/// Reads the parameters of a list: `limit`, `offset`, `after`, `updatedSince`, `count` and `fields`, the filters of the model and,
/// if its records have names, `q`.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) with every parameter that is wrong.
pub(crate) fn list_query<R>(mut parameters: Parameters, model: &Model) -> Result<ListParameters<R>, Error> {
    let limit = parameters.number("limit", 1, limits::PAGE).unwrap_or(limits::PAGE);
    let after = parameters.id("after");
    let offset = parameters.offset();
    let count = parameters.flag("count");
    let query = query(&mut parameters, model);
    let fields = parameters.fields(model);
    let ignored = parameters.finish()?;
    let without_joined = !fields.names_joined();
    let list = ListQuery { query, limit, after, offset, not_behind: None, count, without_joined };
    Ok(ListParameters { list, fields, ignored })
}

/// Reads the parameters that say which records are asked for: `updatedSince`, the filters of the model and, if its records
/// have names, `q`.
pub(crate) fn query<R>(parameters: &mut Parameters, model: &Model) -> Query<R> {
    Query {
        filter: parameters.filter(model),
        search: if model.is_searched() { parameters.search() } else { None },
        updated_since: parameters.instant("updatedSince"),
    }
}

/// Reads the one parameter of a record, `fields`.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) with every parameter that is wrong.
pub(crate) fn fields(mut parameters: Parameters, model: &Model) -> Result<Fields, Error> {
    let fields = parameters.fields(model);
    parameters.finish()?;
    Ok(fields)
}

/// Reads the one parameter of a bulk request, `atomic`.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) with every parameter that is wrong.
pub(crate) fn atomicity(mut parameters: Parameters) -> Result<Atomicity, Error> {
    let is_atomic = parameters.flag("atomic");
    parameters.finish()?;
    Ok(if is_atomic { Atomicity::AllOrNothing } else { Atomicity::EachByItself })
}

impl Parameters {
    /// The names and values of a query, to be read as strictly as a profile says.
    pub(crate) fn new(pairs: Vec<(String, String)>, profile: Profile) -> Self {
        Self { left: pairs, profile, faults: Faults::new() }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// True if a parameter is given and has not been read yet.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.left.iter().any(|(given, _)| given == name)
    }

    /// The text of a parameter that has not been read yet.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.left.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Takes the value of a parameter, which must not be given twice.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let mut values = self.left.extract_if(.., |(given, _)| given == name).map(|(_, value)| value);
        let value = values.next();
        if values.count() > 0 {
            self.fault(name, "is given twice");
        }
        value
    }

    /// Adds a fault of a parameter.
    pub(crate) fn fault(&mut self, name: &str, phrase: impl Into<String>) {
        self.faults.add(name, phrase);
    }

    /// Adds faults under the names that they have.
    pub(crate) fn add_faults(&mut self, faults: &Faults) {
        for (name, phrases) in faults.by_member() {
            phrases.iter().for_each(|phrase| self.faults.add(name, phrase.as_str()));
        }
    }

    /// Takes a whole number within bounds, both included.
    pub(crate) fn number(&mut self, name: &str, min: usize, max: usize) -> Option<usize> {
        let text = self.take(name)?;
        match text.parse() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            _ => {
                self.fault(name, format!("must be a whole number from {min} to {max}"));
                None
            }
        }
    }

    /// Takes an instant.
    pub(crate) fn instant(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.take(name)?;
        match with_plus(&text).parse::<Timestamp>() {
            Ok(instant) => Some(instant),
            Err(error) => {
                self.fault(name, error.to_string());
                None
            }
        }
    }

    /// Takes the id of a record.
    pub(crate) fn id<R>(&mut self, name: &str) -> Option<Id<R>> {
        let id = self.take(name)?.parse();
        if id.is_err() {
            self.fault(name, "is not an id");
        }
        id.ok()
    }

    /// Takes the number of a change in the feed.
    pub(crate) fn change(&mut self, name: &str) -> Option<u64> {
        self.natural(name, "must be the id of a change")
    }

    /// Takes a word of a closed set.
    pub(crate) fn word<T: FromStr<Err = UnknownWord>>(&mut self, name: &str) -> Option<T> {
        let word = self.take(name)?.parse();
        match word {
            Ok(word) => Some(word),
            Err(error) => {
                self.fault(name, error.to_string());
                None
            }
        }
    }

    /// Takes a truth value; false without one.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.take(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.fault(name, "must be true or false");
                false
            }
        }
    }

    /// Takes the number of entries before a page.
    pub(crate) fn offset(&mut self) -> u64 {
        let phrase = format!("must be a whole number from 0 to {}", i64::MAX);
        self.natural("offset", phrase).unwrap_or_default()
    }

    /// Takes a whole number that clients have room for: the document says that it has 64 bits with a sign. `phrase` is its
    /// fault if it is another value.
    fn natural(&mut self, name: &str, phrase: impl Into<String>) -> Option<u64> {
        let number = self.take(name)?.parse().ok().filter(|number| *number <= i64::MAX.unsigned_abs());
        if number.is_none() {
            self.fault(name, phrase);
        }
        number
    }

    fn filter<R>(&mut self, model: &Model) -> Filter<R> {
        let mut all = Filter::all();
        for (name, _) in model.filters() {
            let Some(text) = self.take(name) else { continue };
            match Filter::parse(model, name, &text) {
                Ok(filter) => all = all.and(filter),
                Err(faults) => self.faults.add_all("", faults),
            }
        }
        all
    }

    fn search(&mut self) -> Option<Search> {
        let text = self.take("q")?;
        Search::parse(&text).unwrap_or_else(|faults| {
            self.faults.add_all("q", faults);
            None
        })
    }

    pub(crate) fn fields(&mut self, model: &Model) -> Fields {
        let Some(list) = self.take("fields") else { return model.whole().clone() };
        Fields::parse(model, &list, self.profile).unwrap_or_else(|faults| {
            self.faults.add_all("", faults);
            model.whole().clone()
        })
    }

    /// Ends the reading, and returns the names of parameters that nobody has read.
    ///
    /// # Errors
    /// [`Code::Validation`](rally_core::Code::Validation) with all faults; in the strict profile a parameter that nobody has
    /// read is one.
    pub(crate) fn finish(mut self) -> Result<Vec<String>, Error> {
        if self.profile == Profile::Strict {
            for (name, _) in &self.left {
                self.faults.add(name, "is not a parameter here");
            }
        }
        self.faults.into_result()?;
        Ok(self.left.into_iter().map(|(name, _)| name).collect())
    }
}

/// An instant whose plus sign was sent as it is, which a query string makes a space of: `2025-02-01T12:15:00 02:00`.
fn with_plus(instant: &str) -> Cow<'_, str> {
    match instant.trim().rsplit_once(' ') {
        // A date and a time of day may have a space between them, too.
        Some((time, offset)) if time.contains(':') && offset.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{time}+{offset}").into()
        }
        _ => instant.into(),
    }
}

#[cfg(test)]
mod tests {
    use rally_core::{Company, Contact, schema::Resource};

    use super::*;
    use crate::query;

    fn of(query: &str, profile: Profile) -> Parameters {
        Parameters::new(query::pairs(Some(query)).unwrap(), profile)
    }

    fn read(query: &str) -> Result<ListQuery<Contact>, Error> {
        Ok(list_query(of(query, Profile::Documented), Contact::model())?.list)
    }

    /// The faults of a list's parameters.
    fn faults(query: &str) -> Vec<String> {
        let error = list_query::<Contact>(of(query, Profile::Strict), Contact::model()).unwrap_err();
        let faults = error.faults().by_member().iter();
        faults.map(|(name, phrases)| format!("{name} {}", phrases.join(" and "))).collect()
    }

    #[test]
    fn an_instant_is_read_with_its_plus_sign_as_a_space_and_with_spaces_around_it() {
        let known: Timestamp = "2025-02-01T10:15:00Z".parse().unwrap();
        for form in [
            "2025-02-01T12:15:00 02:00",
            "2025-02-01T12:15:00+02:00",
            "2025-02-01 10:15:00",
            " 2025-02-01T12:15:00 02:00 ",
            "2025-02-01T10:15:00Z ",
            "2025-02-01T12:15:00  02:00",
            "2025-02-01T12:15:00 0200",
            "2025-02-01 12:15:00 02:00",
            "2025-02-01 12:15:00  0200",
            "2025-02-01T12:15 02",
            "2025-02-01T10:15:00 -00:00",
            "2025-02-01T12:15:00 +02:00",
            "2025-02-01T10:15:00 Z",
        ] {
            assert_eq!(with_plus(form).parse(), Ok(known), "{form:?}");
        }
        for form in
            ["2025-02-01T12:15:00 2", "2025-02-01 02:00 ", "2025-02-01T12:15:00   02:00", "25-02-01 10:15:00"]
        {
            let is_time = form == "2025-02-01 02:00 ";
            assert_eq!(with_plus(form).parse::<Timestamp>().is_ok(), is_time, "{form:?}");
        }
    }

    #[test]
    fn parameters_that_are_left_out_ask_for_the_first_page() {
        for query in ["", "nonsense=1", "fields=&count=false&offset=0&q="] {
            let list = read(query).unwrap();
            assert_eq!((list.limit, list.offset, list.count, list.without_joined), (100, 0, false, true));
            assert!(list.query.search.is_none() && list.query.updated_since.is_none());
        }
        let list = read("limit=1&offset=9223372036854775807&count=true&updatedSince=2025-02-01").unwrap();
        assert_eq!((list.limit, list.offset, list.count), (1, i64::MAX.unsigned_abs(), true));
        assert_eq!(list.query.updated_since, Some("2025-02-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn all_faults_are_told_by_the_names_of_the_parameters() {
        let query =
            "limit=0&after=7&offset=-1&updatedSince=soon&count=yes&fields=size&page=1&ownerId=7&tag=a,b&q=";
        assert_eq!(
            faults(&format!("{query}{}", "x".repeat(256))),
            [
                "after is not an id",
                "count must be true or false",
                "fields names \"size\", which is not a member",
                "limit must be a whole number from 1 to 100",
                "offset must be a whole number from 0 to 9223372036854775807",
                "ownerId is not an id",
                "page is not a parameter here",
                "q must not be longer than 255 characters",
                "tag must not hold a comma",
                "updatedSince must be a date-time such as 2025-02-01T10:15:00Z, or a date",
            ]
        );
        assert_eq!(faults("limit=1&limit=2"), ["limit is given twice"]);
        assert_eq!(
            faults("limit=x&limit=2"),
            ["limit is given twice and must be a whole number from 1 to 100"]
        );
        assert_eq!(faults("tag=a&tag=b"), ["tag is given twice"]);
        for query in ["limit=101", "limit=", "offset=9223372036854775808", "offset=", "count="] {
            assert!(read(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_filter_of_another_resource_is_no_parameter_here() {
        let error = list_query::<Company>(of("email=a@x.example", Profile::Strict), Company::model());
        assert_eq!(error.unwrap_err().detail(), "email is not a parameter here");
        assert!(list_query::<Company>(of("email=a", Profile::Documented), Company::model()).is_ok());
    }

    #[test]
    fn items_of_a_bulk_are_each_by_themselves_unless_it_is_atomic() {
        for (query, expected) in [
            ("", Atomicity::EachByItself),
            ("atomic=false", Atomicity::EachByItself),
            ("atomic=true", Atomicity::AllOrNothing),
        ] {
            assert_eq!(atomicity(of(query, Profile::Strict)).unwrap(), expected, "{query}");
        }
        let error = atomicity(of("atomic=1", Profile::Strict)).unwrap_err();
        assert_eq!(error.detail(), "atomic must be true or false");
    }
}
