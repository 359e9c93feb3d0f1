//! An embedded, in-process, multi-tenant CRM engine: contacts, companies, deals, pipelines and activities with tenant
//! isolation, scoped API keys, exact lists, a loss-free change feed and a rate limit, over a store of the host's choosing.
//!
//! ```
//! use rally_core::{ContactChange, ContactDraft, Engine, ListQuery, Patch, TenantDraft};
//! use rally_core::store::MemoryStore;
//!
//! let engine = Engine::new(MemoryStore::new());
//! engine.create_tenant(&TenantDraft { slug: "acme".into(), ..Default::default() })?;
//! let acme = engine.trusted_session("acme", "import")?;
//!
//! let draft = ContactDraft {
//!     first_name: "Ada".into(),
//!     last_name: "Lovelace".into(),
//!     email: "ada@x.example".into(),
//!     ..Default::default()
//! };
//! let ada = acme.contacts().create(&draft)?.read()?;
//! assert_eq!(ada.full_name, "Ada Lovelace");
//! assert!(acme.contacts().create(&draft).unwrap_err().is_duplicate());
//!
//! let change = ContactChange { lead_score: Patch::Set(90), ..Default::default() };
//! acme.contacts().update(ada.id, &change)?;
//! let page = acme.contacts().list(&ListQuery { count: true, ..Default::default() })?;
//! assert_eq!((page.total, page.rows[0].read()?.lead_score), (Some(1), Some(90)));
//! # Ok::<(), rally_core::Error>(())
//! ```
//!
//! Where everything is: [`architecture`].

#[doc = include_str!("../ARCHITECTURE.md")]
pub mod architecture {}
mod base;
mod engine;
mod resources;
pub mod store;

pub use base::{
    Clock, Code, Decimal, Entropy, Environment, Error, Faults, Id, Kind, NotADecimal, NotAnInstant, Patch,
    Scope, SystemClock, SystemEntropy, TenantId, Timestamp, UnknownScope, limits,
};
pub use engine::{
    Access, Action, Allowance, Bulk, BulkItem, Bulkable, Caller, Change, Changes, Collection, Config,
    Creatable, Deleted, Draft, Editable, Engine, FeedEntry, FeedFrom, FeedQuery, Fields, IdempotencyKey,
    Json, Limiter, Link, ListQuery, Matching, Member, Model, Outcome, Page, Profile, Resource, Row, Rule,
    Session, Shape, TenantInfo, Upsertable, WriteOptions, Written, atomic_parameter, no_parameters,
};
pub use resources::{
    Activity, ActivityChange, ActivityDraft, ApiKey, ApiKeyChange, ApiKeyDraft, AuditEntry, Bant, BantChange,
    Company, CompanyChange, CompanyDraft, Contact, ContactChange, ContactDraft, Criterion, CriterionChange,
    CurrencySum, Deal, DealChange, DealDraft, FeedFields, Forecast, MintedApiKey, NewApiKey, Password,
    Pipeline, PipelineChange, PipelineDraft, PipelineStage, PipelineStageDraft, Settings, SettingsChange,
    SigningSecret, StageForecast, Sum, Tenant, TenantChange, TenantDraft, User, UserChange, UserDraft,
};
