//! The table of a resource's members: each is stated once, and the type that hosts read, the draft, the update, the
//! filters and the model are made of it.

use std::fmt;

use crate::{
    base::invariant,
    engine::{
        codec::Slot,
        schema::{Access, Given, Member, Model},
    },
};

/// Declares a resource by the table of its members.
///
/// A row is `need name: Type = member;`, in the order in which members are written in JSON. The need says what becomes
/// of it:
///
/// | need | read as | in the draft | in the update |
/// |---|---|---|---|
/// | `required` | `Type` | an argument of `new` | set |
/// | `optional` | `Option<Type>` | set, or left out | set or cleared |
/// | `defaulted`, `list` | `Type` | set, or left out | set or cleared |
/// | `updated` | `Type` | | set or cleared |
/// | `read` | `Type` | | |
/// | `read_optional` | `Option<Type>` | | |
///
/// `filter NAME` behind the member is the constant by which lists are filtered; `filter NAME of Type` if its values
/// are of another type than the member. `Type as Input` is for a member that is set to another type than it is read
/// as. Members in `written` are set and never read; those in `hidden` are the engine's. The documentation of a row is that
/// of the member for callers of the JSON API, too.
macro_rules! resource {
    (
        $(#[$doc:meta])*
        pub struct $name:ident;
        $(draft { $(#[$draft_doc:meta])* pub struct $draft:ident; })?
        $(update { $(#[$update_doc:meta])* pub struct $update:ident; })?
        members $rows:tt
        written $written:tt
        $(hidden $hidden:tt)?
    ) => {
        $crate::engine::session::resource! { @read [$(#[$doc])*] $name $rows $written [$($hidden)?] }
        $($crate::engine::session::resource! { @draft [$(#[$draft_doc])*] $draft $name $rows $written })?
        $($crate::engine::session::resource! { @update [$(#[$update_doc])*] $update $name $rows $written })?
    };

    (
        $(#[$doc:meta])*
        pub struct $name:ident;
        $(draft $draft:tt)?
        $(update $update:tt)?
        members $rows:tt
        $(hidden $hidden:tt)?
    ) => {
        $crate::engine::session::resource! {
            $(#[$doc])*
            pub struct $name;
            $(draft $draft)?
            $(update $update)?
            members $rows
            written {}
            $(hidden $hidden)?
        }
    };

    (
        @read [$(#[$doc:meta])*] $name:ident
        {$(
            $(#[doc = $row_doc:literal])*
            $need:ident $field:ident: $type:ty $(as $input:ty)? = $member:expr
            $(, filter $filter:ident $(of $filter_type:ty)?)?;
        )*}
        {$($(#[doc = $written_doc:literal])* $written:ident: $written_type:ty = $written_member:expr;)*}
        [$({$($hidden:expr;)*})?]
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub struct $name {
            $($(#[doc = $row_doc])* pub $field: $crate::engine::session::read_type!($need $type),)*
        }

        impl $crate::engine::schema::Sealed for $name {}

        impl $name {
            /// The members, in the order in which they are written.
            fn members() -> Vec<$crate::engine::schema::Member> {
                vec![
                    $($crate::engine::session::needed!($need $member).described(concat!($($row_doc),*)),)*
                    $($written_member.write_only().described(concat!($($written_doc),*)),)*
                    $($($hidden,)*)?
                ]
            }

            fn read_row(row: &$crate::engine::schema::Row<Self>) -> Result<Self, $crate::base::Error> {
                row.read_members(|members| Ok(Self { $($field: members.next()?,)* }))
            }

            $($(
                /// Filters lists by this member.
                pub const $filter: $crate::engine::read::Filterable<
                    $name,
                    $crate::engine::session::filter_type!($type $(, $filter_type)?)
                > = $crate::engine::read::Filterable::new($crate::engine::session::filter_name($member));
            )?)*
        }

        #[cfg(test)]
        impl $name {
            /// The names of the filters that hosts have.
            pub(crate) fn filters() -> Vec<&'static str> {
                vec![$($(Self::$filter.name(),)?)*]
            }
        }
    };

    (
        @draft [$(#[$doc:meta])*] $draft:ident $name:ident
        {$(
            $(#[doc = $row_doc:literal])*
            $need:ident $field:ident: $type:ty $(as $input:ty)? = $member:expr
            $(, filter $filter:ident $(of $filter_type:ty)?)?;
        )*}
        {$($(#[doc = $written_doc:literal])* $written:ident: $written_type:ty = $written_member:expr;)*}
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        #[must_use]
        pub struct $draft($crate::engine::schema::Given);

        impl $draft {
            $crate::engine::session::constructor! {
                [] $({$need $field $crate::engine::session::input_type!($type $(as $input)?), $member})*
            }
            $($crate::engine::session::setter! {
                draft [$(#[doc = $row_doc])*] $need $field $crate::engine::session::input_type!($type $(as $input)?), $member
            })*
            $($crate::engine::session::setter! {
                draft [$(#[doc = $written_doc])*] optional $written $written_type, $written_member
            })*
        }

        $crate::engine::session::given_traits! { Draft $draft $name }
    };

    (
        @update [$(#[$doc:meta])*] $update:ident $name:ident
        {$(
            $(#[doc = $row_doc:literal])*
            $need:ident $field:ident: $type:ty $(as $input:ty)? = $member:expr
            $(, filter $filter:ident $(of $filter_type:ty)?)?;
        )*}
        {$($(#[doc = $written_doc:literal])* $written:ident: $written_type:ty = $written_member:expr;)*}
    ) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq)]
        #[must_use]
        pub struct $update($crate::engine::schema::Given);

        impl $update {
            /// An update that changes no member yet.
            pub fn new() -> Self {
                Self::default()
            }

            $($crate::engine::session::setter! {
                update [$(#[doc = $row_doc])*] $need $field $crate::engine::session::input_type!($type $(as $input)?), $member
            })*
            $($crate::engine::session::setter! {
                update [$(#[doc = $written_doc])*] optional $written $written_type, $written_member
            })*
        }

        $crate::engine::session::given_traits! { Update $update $name }
    };
}

/// The type that a member is read as.
macro_rules! read_type {
    (optional $type:ty) => { Option<$type> };
    (read_optional $type:ty) => { Option<$type> };
    ($need:ident $type:ty) => { $type };
}

/// A member with what follows from its need.
macro_rules! needed {
    (required $member:expr) => {
        $member.required()
    };
    (updated $member:expr) => {
        $member.updated_only()
    };
    ($need:ident $member:expr) => {
        $member
    };
}

/// The type that a member is set to.
macro_rules! input_type {
    ($type:ty) => {
        $type
    };
    ($type:ty as $input:ty) => {
        $input
    };
}

/// The type of a filter's values.
macro_rules! filter_type {
    ($type:ty) => {
        $type
    };
    ($type:ty, $filter_type:ty) => {
        $filter_type
    };
}

/// The constructor of a draft, with an argument for each required member.
macro_rules! constructor {
    ([$($done:tt)*] {required $field:ident $type:ty, $member:expr} $($rest:tt)*) => {
        $crate::engine::session::constructor! { [$($done)* ($field $type, $member)] $($rest)* }
    };
    ([$($done:tt)*] {$need:ident $field:ident $type:ty, $member:expr} $($rest:tt)*) => {
        $crate::engine::session::constructor! { [$($done)*] $($rest)* }
    };
    ([$(($field:ident $type:ty, $member:expr))*]) => {
        /// A draft with what is required.
        pub fn new($($field: impl Into<$type>),*) -> Self {
            let mut given = $crate::engine::schema::Given::default();
            $({
                let value: $type = $field.into();
                given.set($crate::engine::session::slot_of(&$member), &$crate::base::Patch::Set(value));
            })*
            Self(given)
        }
    };
}

/// The setter of a member, if it is written.
macro_rules! setter {
    (draft [$($doc:tt)*] required $field:ident $type:ty, $member:expr) => {};
    (draft [$($doc:tt)*] updated $field:ident $type:ty, $member:expr) => {};
    ($form:ident [$($doc:tt)*] read $field:ident $type:ty, $member:expr) => {};
    ($form:ident [$($doc:tt)*] read_optional $field:ident $type:ty, $member:expr) => {};
    (update [$($doc:tt)*] required $field:ident $type:ty, $member:expr) => {
        $($doc)*
        pub fn $field(mut self, value: impl Into<$type>) -> Self {
            let value: $type = value.into();
            self.0.set($crate::engine::session::slot_of(&$member), &$crate::base::Patch::Set(value));
            self
        }
    };
    ($form:ident [$($doc:tt)*] $need:ident $field:ident $type:ty, $member:expr) => {
        $($doc)*
        pub fn $field(mut self, value: impl Into<$crate::base::Patch<$type>>) -> Self {
            self.0.set($crate::engine::session::slot_of(&$member), &value.into());
            self
        }
    };
}

/// The traits of a draft or an update.
macro_rules! given_traits {
    ($trait:ident $form:ident $name:ident) => {
        impl $crate::engine::schema::Sealed for $form {}

        impl $crate::engine::write::$trait<$name> for $form {
            fn given(&self) -> &$crate::engine::schema::Given {
                &self.0
            }
        }

        impl std::fmt::Debug for $form {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let model = <$name as $crate::engine::schema::Resource>::model();
                $crate::engine::session::debug_given(stringify!($form), model, &self.0, f)
            }
        }
    };
}

pub(crate) use {constructor, filter_type, given_traits, input_type, needed, read_type, resource, setter};

/// The slot of a member that is written.
pub(crate) fn slot_of(member: &Member) -> Slot {
    invariant(member.slot(), "a member that is written is stored")
}

/// The name of the filter of a member, which must have one.
#[expect(clippy::panic, reason = "this runs when the constant is compiled")]
pub(crate) const fn filter_name(member: Member) -> &'static str {
    match member.filter {
        Some(name) => name,
        None => panic!("a constant to filter by is of a member that is filtered"),
    }
}

/// Writes the members that a draft or an update names, without the values of write-only ones.
pub(crate) fn debug_given(
    name: &str,
    model: &Model,
    given: &Given,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let mut members = f.debug_struct(name);
    for (slot, value) in given.iter() {
        if let Some((_, member)) = model.stored().find(|(at, _)| *at == slot) {
            match (member.access, value) {
                (Access::WriteOnly, _) => members.field(member.name, &"…"),
                (_, Ok(json)) => members.field(member.name, &format_args!("{}", json.unwrap_or("null"))),
                (_, Err(error)) => members.field(member.name, &error),
            };
        }
    }
    members.finish()
}
