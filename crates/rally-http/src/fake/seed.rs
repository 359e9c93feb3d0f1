//! Records for a tenant to begin with, made by the same rules as those of callers.

use std::collections::{BTreeMap, HashMap};

use rally_core::{
    Activity, Code, Company, Contact, Deal, Error, Faults, Kind, Pipeline, Session, User, Webhook,
    WriteOptions, schema::Creatable,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::world::World;
use crate::{crud::Served, packed::Packed};

/// The built-in data set: a small sales team.
static DEMO: Packed = Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/fake/demo.json")));
/// The name of a record within a seed.
const NAME: &str = "@id";

/// Records for a tenant, as bodies that create them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seed(Map<String, Value>);

/// The records that a seed has made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sown {
    /// Number of records, by the plural of their kind.
    pub created: BTreeMap<&'static str, usize>,
    /// Ids of those that the seed names.
    pub ids: BTreeMap<String, Uuid>,
}

/// Makes a record from JSON.
type Create = fn(&Session, &[u8]) -> Result<Uuid, Error>;

/// The kinds of record that a seed may have, in the order in which they are made.
const KINDS: [(Kind, Create); 7] = [
    (Kind::User, create::<User>),
    (Kind::Company, create::<Company>),
    (Kind::Contact, create::<Contact>),
    (Kind::Pipeline, create::<Pipeline>),
    (Kind::Deal, create::<Deal>),
    (Kind::Activity, create::<Activity>),
    (Kind::Webhook, create::<Webhook>),
];

impl Seed {
    /// The data set that is built in: 4 users, 12 companies, 40 contacts, 30 deals in all stages and 60 activities.
    #[must_use]
    pub fn demo() -> Self {
        let demo = DEMO.bytes().ok().and_then(|json| serde_json::from_slice(&json).ok());
        Self(demo.unwrap_or_default())
    }

    /// Reads a seed: `{"dataset": "demo"}`, or arrays of bodies by the plural of their kind.
    ///
    /// ```
    /// use rally_http::testing::Seed;
    /// use serde_json::json;
    ///
    /// let seed = json!({
    ///     "companies": [{"@id": "looms", "name": "Looms Ltd"}],
    ///     "contacts": [{"firstName": "Ada", "lastName": "Lovelace", "email": "ada@x.example", "companyId": "@looms"}],
    /// });
    /// assert!(Seed::read(seed).is_ok());
    /// assert!(Seed::read(json!({"contact": []})).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`] with what is no such thing.
    pub fn read(seed: Value) -> Result<Self, Error> {
        let Value::Object(kinds) = seed else {
            return Err(Error::new(Code::Validation, "a seed must be a JSON object"));
        };
        match kinds.get("dataset") {
            Some(name) if kinds.len() == 1 && name == "demo" => return Ok(Self::demo()),
            Some(_) => {
                return Err(Faults::one("dataset", "must be demo, and stand alone").into());
            }
            None => {}
        }
        let mut faults = Faults::new();
        for (plural, bodies) in &kinds {
            if !KINDS.iter().any(|(kind, _)| kind.plural() == plural) {
                let known: Vec<&str> = KINDS.iter().map(|(kind, _)| kind.plural()).collect();
                faults.add(plural, format!("is no kind of record here; use {}", known.join(", ")));
            } else if !bodies.as_array().is_some_and(|bodies| bodies.iter().all(Value::is_object)) {
                faults.add(plural, "must be an array of objects");
            }
        }
        faults.into_result().map(|()| Self(kinds))
    }
}

impl World {
    /// Makes the records of a seed, or none of them.
    pub(super) fn seed(&self, seed: &Seed) -> Result<Sown, Error> {
        let before = self.keep();
        let session = self.session()?;
        Sowing::begin(&session)?.sow(seed).inspect_err(|_| self.go_back(&before))
    }
}

/// The work of making records.
struct Sowing<'s> {
    session: &'s Session,
    /// Ids by the names that bodies refer to.
    known: HashMap<String, Uuid>,
    first_pipeline: (Uuid, Uuid),
    sown: Sown,
}

impl<'s> Sowing<'s> {
    fn begin(session: &'s Session) -> Result<Self, Error> {
        let mut known = HashMap::new();
        let mut first_pipeline = (Uuid::nil(), Uuid::nil());
        let pipeline = session.pipelines().default()?;
        known.insert(pipeline.name.clone(), pipeline.id.as_uuid());
        for stage in pipeline.stages.iter().rev() {
            known.insert(stage.name.clone(), stage.id.as_uuid());
            first_pipeline = (pipeline.id.as_uuid(), stage.id.as_uuid());
        }
        Ok(Self { session, known, first_pipeline, sown: Sown::default() })
    }

    fn sow(mut self, seed: &Seed) -> Result<Sown, Error> {
        for (kind, create) in KINDS {
            let bodies = seed.0.get(kind.plural()).and_then(Value::as_array);
            for (index, body) in bodies.into_iter().flatten().enumerate() {
                let Value::Object(body) = body else { continue };
                self.make(kind, create, body.clone())
                    .map_err(|error| within(&format!("{}[{index}]", kind.plural()), &error))?;
                *self.sown.created.entry(kind.plural()).or_default() += 1;
            }
        }
        Ok(self.sown)
    }

    fn make(&mut self, kind: Kind, create: Create, mut body: Map<String, Value>) -> Result<(), Error> {
        let name = body.remove(NAME).and_then(|name| name.as_str().map(str::to_owned));
        self.resolve(&mut body)?;
        if kind == Kind::Deal && !body.contains_key("pipelineId") && !body.contains_key("stageId") {
            body.insert("stageId".to_owned(), json!(self.first_pipeline.1));
        }
        if kind == Kind::Deal && !body.contains_key("pipelineId") {
            body.insert("pipelineId".to_owned(), json!(self.first_pipeline.0));
        }
        let id = create(self.session, Value::Object(body).to_string().as_bytes())?;
        if kind == Kind::Pipeline {
            self.know_pipeline(id)?;
        }
        if let Some(name) = name {
            self.known.insert(name.clone(), id);
            self.sown.ids.insert(name, id);
        }
        Ok(())
    }

    /// Puts ids in the place of names.
    fn resolve(&self, body: &mut Map<String, Value>) -> Result<(), Error> {
        let mut faults = Faults::new();
        for (member, value) in body.iter_mut().filter(|(member, _)| member.ends_with("Id")) {
            let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) else { continue };
            match self.known.get(name) {
                Some(id) => *value = json!(id),
                None => faults.add(member, format!("names {name:?}, which is no record before it")),
            }
        }
        faults.into_result()
    }

    fn know_pipeline(&mut self, id: Uuid) -> Result<(), Error> {
        let pipeline = self.session.pipelines().get(rally_core::Id::from_uuid(id))?;
        self.known.insert(pipeline.name, id);
        for stage in pipeline.stages {
            self.known.insert(stage.name, stage.id.as_uuid());
        }
        Ok(())
    }
}

fn create<R: Served + Creatable>(session: &Session, json: &[u8]) -> Result<Uuid, Error> {
    let written = R::of(session).json().create(json, &WriteOptions::default())?;
    Ok(written.record.id().as_uuid())
}

/// The error of one body, with the place of the body.
fn within(place: &str, error: &Error) -> Error {
    if error.code() != Code::Validation || error.faults().is_empty() {
        return Error::new(error.code(), format!("{place}: {}", error.detail()));
    }
    let mut faults = Faults::new();
    faults.add_all(&format!("{place}."), error.faults().clone());
    faults.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_data_set_is_whole() {
        let Seed(demo) = Seed::demo();
        let count = |plural: &str| demo[plural].as_array().unwrap().len();
        let counts = ["users", "companies", "contacts", "deals", "activities"].map(count);
        assert_eq!(counts, [4, 12, 40, 30, 60]);
        assert!(Seed::read(Value::Object(demo)).is_ok());
    }
}
