//! The members of resources, records in their stored form, and the rest of what adapters need and hosts do not: an
//! adapter turns requests of some protocol into calls of the engine, and its answers into responses.
//!
//! ```
//! use rally_core::{Contact, Engine, TenantDraft, WriteOptions, schema::Resource, store::MemoryStore};
//!
//! let engine = Engine::new(MemoryStore::new());
//! let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("adapter")?;
//! let body = br#"{"firstName": "Ada", "lastName": "Lovelace", "email": "ada@x.example"}"#;
//! let written = acme.contacts().json().create(body, &WriteOptions::default())?;
//! let mut json = Vec::new();
//! written.record.write_json(acme.tenant().model::<Contact>().whole(), &mut json)?;
//! assert!(json.starts_with(b"{\"id\":"));
//! # Ok::<(), rally_core::Error>(())
//! ```

#[cfg(feature = "files")]
pub use crate::engine::files::{Table, Tabular};
pub use crate::{
    base::{ClosedSet, RoundRobin},
    engine::{
        read::Search,
        schema::{
            Access, Fields, Given, Keyed, Member, Model, Recorded, Resource, Row, Rule, Searchable, Shape,
            ShapeMember,
        },
        session::{Allowance, JsonCollection, Limiter, Rows, TransactionJson, ViewRows},
        write::{Bulkable, Creatable, Definition, Draft, Editable, MatchedBy, Update, Upsertable},
    },
    resources::{MintedApiKey, SigningSecret},
};
