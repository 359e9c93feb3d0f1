//! The resources of a session by their kind.

use std::collections::BTreeMap;

use rally_core::{
    Collection, Error, Filter, Id, Kind, ListPosition, ListQuery, Page, Profile, Query, Session, TenantInfo,
    Timestamp, View, ViewCollection, limits,
    schema::{Fields, Resource, Row, Search},
};
use uuid::Uuid;

/// A generic function over the records of a kind.
pub(crate) trait Visit {
    type Output;

    fn visit<R: Resource>(self, records: Collection<'_, R>) -> Self::Output;
}

/// A generic function over the records of a kind at one moment.
pub(crate) trait VisitView {
    type Output;

    fn visit<R: Resource>(self, records: ViewCollection<'_, R>) -> Self::Output;
}

/// The kinds of a tenant's own records, which are those that callers write.
pub(crate) fn kinds() -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| is_own(*kind)).collect()
}

pub(crate) const fn is_own(kind: Kind) -> bool {
    match kind {
        Kind::Contact | Kind::Company | Kind::Deal | Kind::Activity | Kind::User | Kind::Pipeline => true,
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => false,
    }
}

pub(crate) fn visit<V: Visit>(session: &Session, kind: Kind, visitor: V) -> V::Output {
    match kind {
        Kind::Contact => visitor.visit(session.contacts()),
        Kind::Company => visitor.visit(session.companies()),
        Kind::Deal => visitor.visit(session.deals()),
        Kind::Activity => visitor.visit(session.activities()),
        Kind::User => visitor.visit(session.users()),
        Kind::Pipeline => visitor.visit(session.pipelines()),
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => {
            panic!("{kind} is no kind of a tenant's own records")
        }
    }
}

pub(crate) fn visit_view<V: VisitView>(view: &View<'_>, kind: Kind, visitor: V) -> V::Output {
    match kind {
        Kind::Contact => visitor.visit(view.contacts()),
        Kind::Company => visitor.visit(view.companies()),
        Kind::Deal => visitor.visit(view.deals()),
        Kind::Activity => visitor.visit(view.activities()),
        Kind::User => visitor.visit(view.users()),
        Kind::Pipeline => visitor.visit(view.pipelines()),
        Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => {
            panic!("{kind} is no kind of a tenant's own records")
        }
    }
}

/// A query to a list of any kind, with filters and search as text.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) limit: usize,
    pub(crate) after: Option<Uuid>,
    pub(crate) offset: u64,
    pub(crate) not_behind: Option<ListPosition>,
    pub(crate) count: bool,
    pub(crate) updated_since: Option<Timestamp>,
    pub(crate) filters: BTreeMap<String, String>,
    pub(crate) search: Option<String>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            limit: limits::PAGE,
            after: None,
            offset: 0,
            not_behind: None,
            count: false,
            updated_since: None,
            filters: BTreeMap::new(),
            search: None,
        }
    }
}

impl Asked {
    fn query<R: Resource>(&self, tenant: &TenantInfo) -> Result<Query<R>, Error> {
        let mut query = Query::all();
        for (name, text) in &self.filters {
            query = query.filter(Filter::parse(tenant.model::<R>(), name, text)?);
        }
        query.search = self.search.as_deref().map_or(Ok(None), Search::parse)?;
        query.updated_since = self.updated_since;
        Ok(query)
    }
}

/// Part of a list, each record as JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) rows: Vec<String>,
    pub(crate) has_more: bool,
    pub(crate) total: Option<u64>,
    pub(crate) end: Option<ListPosition>,
}

pub(crate) fn list(session: &Session, kind: Kind, asked: &Asked) -> Result<Texts, Error> {
    visit(session, kind, List(session, asked))
}

/// The whole list, walked at one moment.
pub(crate) fn walk(session: &Session, kind: Kind, asked: &Asked) -> Result<Vec<String>, Error> {
    let view = session.view()?;
    visit_view(&view, kind, Walk(session, asked))
}

pub(crate) fn get(session: &Session, kind: Kind, id: Uuid) -> Result<String, Error> {
    visit(session, kind, Get(id))
}

/// The whole record as JSON text. Checks that it can be read as a Rust value, too.
pub(crate) fn text<R: Resource>(row: &Row<R>) -> String {
    let fields = Fields::parse(R::model(), "", Profile::Strict).expect("all members are members");
    let mut json = Vec::new();
    row.write_json(&fields, &mut json).expect("a record can be read");
    row.read().expect("a record can be read as a Rust value");
    String::from_utf8(json).expect("a record is text")
}

struct List<'q>(&'q Session, &'q Asked);

impl Visit for List<'_> {
    type Output = Result<Texts, Error>;

    fn visit<R: Resource>(self, records: Collection<'_, R>) -> Self::Output {
        let Self(session, asked) = self;
        let query = ListQuery {
            limit: asked.limit,
            after: asked.after.map(Id::from_uuid),
            offset: asked.offset,
            not_behind: asked.not_behind,
            count: asked.count,
            ..asked.query::<R>(session.tenant())?.into()
        };
        let Page { records, has_more, total, end } = records.json().list(&query)?;
        Ok(Texts { rows: records.iter().map(text).collect(), has_more, total, end })
    }
}

struct Walk<'q>(&'q Session, &'q Asked);

impl VisitView for Walk<'_> {
    type Output = Result<Vec<String>, Error>;

    fn visit<R: Resource>(self, records: ViewCollection<'_, R>) -> Self::Output {
        let Self(session, asked) = self;
        let rows = records.rows().all(asked.query::<R>(session.tenant())?)?;
        rows.map(|row| row.map(|row| text(&row))).collect()
    }
}

struct Get(Uuid);

impl Visit for Get {
    type Output = Result<String, Error>;

    fn visit<R: Resource>(self, records: Collection<'_, R>) -> Self::Output {
        records.json().get(Id::from_uuid(self.0)).map(|row| text(&row))
    }
}
