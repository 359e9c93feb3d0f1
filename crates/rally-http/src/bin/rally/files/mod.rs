//! Files of records: into a tenant of a store or of a server, and out of it.

mod arguments;
mod export;
mod import;
mod meter;
mod place;
mod remote;
mod scratch;

pub(crate) use self::{
    arguments::{ExportArguments, ImportArguments},
    export::export,
    import::import,
    scratch::{scratch, temporary_file},
};
