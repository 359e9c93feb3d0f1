//! An embedded, in-process, multi-tenant CRM engine: contacts, companies, deals, pipelines and activities with tenant
//! isolation, scoped API keys, exact lists, a loss-free change feed and a rate limit, over a store that the host chooses.
//!
//! ```
//! use rally_core::{Contact, ContactDraft, ContactUpdate, Engine, LifecycleStage, TenantDraft, store::MemoryStore};
//!
//! let engine = Engine::new(MemoryStore::new());
//! let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("import")?;
//!
//! let draft = ContactDraft::new("Ada", "Lovelace", "ada@x.example").tags(["math", "poetry"]);
//! let ada = acme.contacts().create(&draft)?;
//! assert_eq!(ada.full_name, "Ada Lovelace");
//! assert!(acme.contacts().create(&draft).unwrap_err().is_duplicate());
//!
//! acme.contacts().update(ada.id, &ContactUpdate::new().lifecycle_stage(LifecycleStage::Customer))?;
//! for contact in acme.view()?.contacts().all(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer))? {
//!     println!("{}", contact?.email);
//! }
//! # Ok::<(), rally_core::Error>(())
//! ```
//!
//! [`Engine`] is the entry point: it has tenants, a tenant opens a [`Session`], and a session has a [`Collection`] of each
//! resource. [`Session::view`] reads several things at one moment, [`Session::write`] changes several in one transaction,
//! and [`Session::follow`] follows the changes.
//!
//! Calls block until the store has answered. In an async program they go to a thread that may wait, such as one of
//! `tokio::task::spawn_blocking`:
//!
//! ```
//! # use rally_core::{ContactDraft, Engine, TenantDraft, store::MemoryStore};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # let engine = Engine::new(MemoryStore::new());
//! let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("web")?;
//! let ada = tokio::task::spawn_blocking(move || {
//!     acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))
//! })
//! .await??;
//! # assert_eq!(ada.full_name, "Ada Lovelace");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! More tasks are solved in the [`cookbook`]; the map of the code is [`architecture`].

#[doc = include_str!("../ARCHITECTURE.md")]
pub mod architecture {}
mod base;
pub mod cookbook;
mod engine;
pub mod parse;
mod resources;
pub mod schema;
pub mod store;

pub use base::{
    Action, Clock, Code, Currency, Decimal, Distribution, Entropy, Environment, Error, Faults, Id, Kind,
    NotATrace, Patch, Profile, Reach, Scope, Scopes, SystemClock, SystemEntropy, Tags, Tally, TenantId,
    TimeZone, Timestamp, Trace, limits,
};
#[cfg(feature = "files")]
pub use engine::files::{
    DateOrder, DecimalMark, ErrorFile, ExportOptions, FileLimits, Format, Guard, ImportKey, ImportMode,
    ImportOptions, ImportProgress, ImportReport, ImportWatch, RefusedRow, Scratch, WorkbookLimits,
};
pub use engine::{
    read::{
        FeedEntry, FeedEpoch, FeedPage, FeedPosition, FeedQuery, Filter, Filterable, HistoryEntry,
        HistoryQuery, ListPosition, ListQuery, MemberChange, Page, Query,
    },
    schema::TenantInfo,
    session::{
        Atomicity, Attempts, Bulk, BulkItem, Caller, Collection, Config, Ended, Engine, FeedChanges, Figures,
        Follow, FollowedChange, ImportedRows, Records, Retired, Session, TransactionCollection, View,
        ViewCollection, WriteOptions,
    },
    write::{Deleted, IdempotencyKey, Transaction, Unless, WriteOutcome, Written},
};
pub use resources::{
    Activity, ActivityDraft, ActivityStatus, ActivityType, ActivityUpdate, Answered, ApiKey, ApiKeyDraft,
    ApiKeyText, ApiKeyUpdate, Attempted, AuditEntry, Backup, BackupFile, BackupSource, BackupTarget, Bant,
    BantUpdate, CallDirection, Claim, Company, CompanyDraft, CompanyUpdate, Contact, ContactDraft,
    ContactUpdate, CopyMode, CourierLimits, Criterion, CriterionUpdate, CurrencySum, Damage, Deal, DealDraft,
    DealStatus, DealUpdate, Deliveries, Delivery, DeliveryMessage, DeliveryOrder, DeliveryQuery,
    DeliveryStatus, Event, EventFilter, Finished, ForbiddenAddress, Forecast, ImportedTenant, LastBackup,
    LifecycleStage, NewApiKey, OutboxFigures, Password, Pipeline, PipelineDraft, PipelineStage,
    PipelineStageDraft, PipelineUpdate, Priority, RestoredTenant, RetryAfter, Settings, SettingsUpdate,
    StageForecast, StageMove, StageOutcome, StoreCheck, Sum, Tenant, TenantDraft, TenantFile, TenantHandle,
    TenantImport, TenantParts, TenantUpdate, User, UserDraft, UserUpdate, Webhook, WebhookDeliveries,
    WebhookDraft, WebhookUpdate, WebhookUrl,
};
