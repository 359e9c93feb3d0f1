//! Rows of a file, one after the other, whatever its format: [`Source`] tells it by its first bytes.

mod archive;
mod cell;
mod charset;
mod delimited;
mod digest;
mod line;
mod markup;
mod source;
mod text;
mod workbook;

pub(crate) use self::{
    cell::{Cell, RawRow},
    digest::digest,
    source::{Source, SourceOptions},
};
