use std::fmt;

/// The one table of kinds. Each row has the number in stored keys, which never changes; the noun; the plural, as in
/// paths; and the name of the method that a session, a view and a transaction have for the records, with the access
/// that hosts have to them there: `written`, `read`, or none (`hidden`).
///
/// It is handed to a macro that makes something of it, so that a new kind is a new row here.
macro_rules! with_kinds {
    ($make:ident) => {
        $make! {
            in the feed {
                /// A person that a tenant deals with.
                Contact = 1, "contact", "contacts", written contacts;
                /// An organisation that a tenant deals with.
                Company = 2, "company", "companies", written companies;
                /// An opportunity in a pipeline.
                Deal = 3, "deal", "deals", written deals;
                /// A note, task, call or meeting.
                Activity = 4, "activity", "activities", written activities;
            }
            besides {
                /// A person who works for the tenant.
                User = 5, "user", "users", written users;
                /// A key that a program authenticates with.
                ApiKey = 6, "API key", "api-keys", read api_keys;
                /// A tenant: an organisation whose records no other can see.
                Tenant = 7, "tenant", "tenants", hidden tenants;
                /// The stages that deals go through.
                Pipeline = 8, "pipeline", "pipelines", written pipelines;
                /// An administrative act in the audit trail.
                AuditEntry = 9, "audit entry", "audit", read audit;
                /// A receiver of events.
                Webhook = 10, "webhook", "webhooks", read webhooks;
            }
        }
    };
}

pub(crate) use with_kinds;

macro_rules! declare {
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
        /// The kind of a record. The number is part of stored keys and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$feed_doc])* $feed,)+
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// Every kind; those in the feed come first.
            pub const ALL: &'static [Kind] = &[$(Kind::$feed,)+ $(Kind::$kind,)+];
            /// The kinds whose changes are in the feed.
            pub const IN_FEED: &'static [Kind] = &[$(Kind::$feed,)+];

            /// The number in stored keys.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Kind::$feed => $feed_number,)+ $(Kind::$kind => $number,)+ }
            }

            /// The singular noun: `contact`.
            #[must_use]
            pub const fn noun(self) -> &'static str {
                match self { $(Kind::$feed => $feed_noun,)+ $(Kind::$kind => $noun,)+ }
            }

            /// The plural noun, as in paths: `contacts`.
            #[must_use]
            pub const fn plural(self) -> &'static str {
                match self { $(Kind::$feed => $feed_plural,)+ $(Kind::$kind => $plural,)+ }
            }
        }
    };
}

with_kinds!(declare);

impl Kind {
    /// The kind with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.number() == number)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.noun())
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn numbers_and_kinds_are_one_to_one() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(*kind));
        }
        assert_eq!(Kind::from_number(0), None);
    }
}
