//! The resources: one file each, named as in its URL.

mod activities;
mod administrators;
mod api_keys;
mod audit;
mod backups;
mod bant;
mod checks;
mod companies;
mod contacts;
mod copies;
mod credentials;
mod deals;
mod forecast;
mod key_text;
mod last_backup;
mod pipelines;
mod secrets;
mod settings;
#[cfg(feature = "files")]
mod tabular;
mod tenant_files;
mod tenants;
mod users;
mod webhooks;

pub use activities::{
    Activity, ActivityDraft, ActivityStatus, ActivityType, ActivityUpdate, CallDirection, Priority,
};
pub use api_keys::{ApiKey, ApiKeyDraft, ApiKeyUpdate, MintedApiKey, NewApiKey};
pub use audit::AuditEntry;
pub use backups::{Backup, BackupFile, BackupSource, BackupTarget, RestoredTenant};
pub use bant::{Bant, BantUpdate, Criterion, CriterionUpdate};
pub use checks::{Damage, StoreCheck};
pub use companies::{Company, CompanyDraft, CompanyUpdate};
pub use contacts::{Contact, ContactDraft, ContactUpdate, LifecycleStage};
pub use copies::CopyMode;
pub use deals::{Deal, DealDraft, DealStatus, DealUpdate, StageMove};
pub use forecast::{CurrencySum, Forecast, StageForecast, Sum};
pub use key_text::ApiKeyText;
pub use last_backup::LastBackup;
pub use pipelines::{
    Pipeline, PipelineDraft, PipelineStage, PipelineStageDraft, PipelineUpdate, StageOutcome,
};
pub use secrets::SigningSecret;
pub use settings::{Settings, SettingsUpdate};
pub use tenant_files::{ImportedTenant, TenantFile, TenantImport, TenantParts};
pub use tenants::{Tenant, TenantDraft, TenantHandle, TenantUpdate};
pub use users::{Password, User, UserDraft, UserUpdate};
pub use webhooks::{
    Answered, Attempted, Claim, CourierLimits, Deliveries, Delivery, DeliveryMessage, DeliveryOrder,
    DeliveryQuery, DeliveryStatus, Event, EventFilter, Finished, ForbiddenAddress, OutboxFigures, RetryAfter,
    Webhook, WebhookDeliveries, WebhookDraft, WebhookUpdate, WebhookUrl,
};

use crate::{
    base::{Kind, with_kinds},
    engine::{
        schema::{Model, Recorded},
        session::{Collection, Session, TransactionCollection, View, ViewCollection},
        write::{Definition, Editable, Link, Rules, Transaction},
    },
};

/// Generates from the table of kinds the methods by which a host reaches each kind, and the definitions by which the
/// engine writes it.
macro_rules! offer {
    (
        in the feed {
            $($(#[$feed_doc:meta])* $feed:ident = $feed_number:literal, $feed_noun:literal, $feed_plural:literal,
            $feed_use:ident $feed_name:ident;)+
        }
        besides {
            $($(#[$doc:meta])* $kind:ident = $number:literal, $noun:literal, $plural:literal,
            $use:ident $name:ident;)+
        }
    ) => {
        /// The definition of the records of a kind.
        fn definition(kind: Kind) -> Definition {
            match kind {
                $(Kind::$feed => $feed::definition(),)+
                $(Kind::$kind => $kind::definition(),)+
            }
        }

        #[cfg(test)]
        fn filters(kind: Kind) -> Vec<&'static str> {
            match kind {
                $(Kind::$feed => $feed::filters(),)+
                $(Kind::$kind => $kind::filters(),)+
            }
        }

        $(impl Recorded for $feed {})+

        $(offer_one!($feed_use $feed $feed_name $feed_plural);)+
        $(offer_one!($use $kind $name $plural);)+
    };
}

macro_rules! offer_one {
    (hidden $kind:ident $name:ident $plural:literal) => {};
    (read $kind:ident $name:ident $plural:literal) => {
        impl Session {
            #[doc = concat!("The tenant's ", $plural, ": records of the type [`", stringify!($kind), "`].")]
            #[must_use]
            pub fn $name(&self) -> Collection<'_, $kind> {
                Collection::new(self)
            }
        }

        impl View<'_> {
            #[doc = concat!("The tenant's ", $plural, ": records of the type [`", stringify!($kind), "`].")]
            #[must_use]
            pub fn $name(&self) -> ViewCollection<'_, $kind> {
                self.records()
            }
        }
    };
    (written $kind:ident $name:ident $plural:literal) => {
        offer_one!(read $kind $name $plural);

        impl<'s> Transaction<'s> {
            #[doc = concat!("The tenant's ", $plural, ": records of the type [`", stringify!($kind), "`].")]
            #[must_use]
            pub fn $name(&mut self) -> TransactionCollection<'_, 's, $kind> {
                self.records()
            }
        }
    };
}

with_kinds!(offer);

/// The definition of a resource.
fn define(model: &'static Model, rules: &'static Rules) -> Definition {
    Definition { model, rules, links: links_to }
}

/// The members by which records of any resource may refer to records of a kind.
fn links_to(kind: Kind) -> Vec<Link> {
    Kind::ALL.iter().flat_map(|from| definition(*from).links_to(kind)).collect()
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::*;
    use crate::engine::schema::{Keyed, Searchable};

    #[test]
    fn each_kind_has_its_resource() {
        assert!(Kind::ALL.iter().all(|kind| definition(*kind).kind() == *kind));
    }

    #[test]
    fn each_reference_is_found_by_the_record_that_it_leads_to() {
        let links =
            Kind::ALL.iter().map(|kind| (*kind, links_to(*kind).len())).filter(|(_, links)| *links > 0);
        let expected =
            [(Kind::Contact, 2), (Kind::Company, 3), (Kind::Deal, 1), (Kind::User, 4), (Kind::Pipeline, 1)];
        assert_eq!(links.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn hosts_have_a_constant_for_each_filter() {
        for kind in Kind::ALL {
            let of_model: Vec<&str> = definition(*kind).model.filters().map(|(name, _)| name).collect();
            assert_eq!(filters(*kind), of_model, "{kind}");
        }
        let in_no_list = [Settings::filters(), Bant::filters(), Delivery::filters()].concat();
        assert!(in_no_list.is_empty(), "{in_no_list:?}");
    }

    /// Tells which traits a type has: its own method is taken where its bound holds, and else that of the trait.
    struct Probe<R>(PhantomData<R>);

    impl<R: Searchable> Probe<R> {
        fn is_searchable(&self) -> bool {
            true
        }
    }

    impl<R: Keyed> Probe<R> {
        fn is_keyed(&self) -> bool {
            true
        }
    }

    trait Otherwise {
        fn is_searchable(&self) -> bool {
            false
        }

        fn is_keyed(&self) -> bool {
            false
        }
    }

    impl<R> Otherwise for Probe<R> {}

    macro_rules! probe {
        (
            in the feed {
                $($(#[$feed_doc:meta])* $feed:ident = $feed_number:literal, $feed_noun:literal,
                $feed_plural:literal, $feed_use:ident $feed_name:ident;)+
            }
            besides {
                $($(#[$doc:meta])* $kind:ident = $number:literal, $noun:literal, $plural:literal,
                $use:ident $name:ident;)+
            }
        ) => {
            fn is_searchable_and_keyed(kind: Kind) -> (bool, bool) {
                match kind {
                    $(Kind::$feed => {
                        let probe = Probe::<$feed>(PhantomData);
                        (probe.is_searchable(), probe.is_keyed())
                    })+
                    $(Kind::$kind => {
                        let probe = Probe::<$kind>(PhantomData);
                        (probe.is_searchable(), probe.is_keyed())
                    })+
                }
            }
        };
    }

    with_kinds!(probe);

    #[test]
    fn what_the_members_can_do_hosts_can_do() {
        for kind in Kind::ALL {
            let model = definition(*kind).model;
            let of_model = (model.is_searched(), model.natural_keys().next().is_some());
            assert_eq!(is_searchable_and_keyed(*kind), of_model, "{kind}");
        }
    }
}
