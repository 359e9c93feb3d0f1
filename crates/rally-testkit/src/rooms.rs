//! The resources of a session by their kind.

use rally_core::{Collection, Error, Fields, Id, Kind, ListQuery, Page, Profile, Resource, Row, Session};
use uuid::Uuid;

/// Something to do with the records of a kind, whichever it is.
pub(crate) trait Visit {
    type Output;

    fn visit<R: Resource>(self, records: Collection<'_, R>) -> Self::Output;
}

/// The kinds that a tenant's records have.
pub(crate) const KINDS: [Kind; 6] =
    [Kind::Contact, Kind::Company, Kind::Deal, Kind::Activity, Kind::User, Kind::Pipeline];

pub(crate) fn visit<V: Visit>(session: &Session, kind: Kind, visitor: V) -> V::Output {
    match kind {
        Kind::Contact => visitor.visit(session.contacts()),
        Kind::Company => visitor.visit(session.companies()),
        Kind::Deal => visitor.visit(session.deals()),
        Kind::Activity => visitor.visit(session.activities()),
        Kind::User => visitor.visit(session.users()),
        Kind::Pipeline => visitor.visit(session.pipelines()),
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry => {
            panic!("{kind} is no kind of a tenant's own records")
        }
    }
}

/// Part of a list, each record as JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) rows: Vec<String>,
    pub(crate) has_more: bool,
    pub(crate) total: Option<u64>,
}

pub(crate) fn list(session: &Session, kind: Kind, query: &ListQuery) -> Result<Texts, Error> {
    visit(session, kind, List(query))
}

pub(crate) fn get(session: &Session, kind: Kind, id: Uuid) -> Result<String, Error> {
    visit(session, kind, Get(id))
}

/// The whole record as JSON text.
pub(crate) fn text<R: Resource>(row: &Row<R>) -> String {
    let fields = Fields::parse(R::model(), "", Profile::Strict).expect("all members are members");
    let mut json = Vec::new();
    row.write_json(&fields, &mut json).expect("a record can be read");
    String::from_utf8(json).expect("a record is text")
}

struct List<'q>(&'q ListQuery);

impl Visit for List<'_> {
    type Output = Result<Texts, Error>;

    fn visit<R: Resource>(self, records: Collection<'_, R>) -> Self::Output {
        let Page { rows, has_more, total } = records.list(self.0)?;
        Ok(Texts { rows: rows.iter().map(text).collect(), has_more, total })
    }
}

struct Get(Uuid);

impl Visit for Get {
    type Output = Result<String, Error>;

    fn visit<R: Resource>(self, records: Collection<'_, R>) -> Self::Output {
        records.get(Id::from_uuid(self.0)).map(|row| text(&row))
    }
}
