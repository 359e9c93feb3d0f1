//! Files of records: import and export of CSV and of workbooks (`.xlsx`).
//!
//! A file that comes in is read row by row (`rows`), by a plan that is made once (`plan`): the charset, the delimiter, and
//! for each column the member that it is for (`column`, `header`). A row becomes the JSON that the API would have got
//! (`value`, `inputs`), its references resolved (`lookup`), and goes through the verbs of the API (`apply`), up to a
//! thousand in a transaction (`import`). A file that goes out is one walk over a view (`export`).

mod apply;
mod collection;
mod column;
mod date;
mod export;
mod faults;
mod guard;
mod header;
mod import;
mod inputs;
mod limits;
mod lookup;
mod number;
mod options;
mod output;
mod plan;
mod relations;
mod report;
mod rows;
mod table;
mod tags;
mod value;
mod writer;

pub(crate) use self::{
    inputs::Inputs,
    lookup::{Found, Lookup},
    relations::{Related, Relations},
    table::{FoundBy, Synonyms},
};
pub use self::{
    limits::{FileLimits, WorkbookLimits},
    options::{DateOrder, DecimalMark, ExportOptions, Format, Guard, ImportKey, ImportMode, ImportOptions},
    report::{ErrorFile, ImportProgress, ImportReport, ImportWatch, RefusedRow},
    table::{Table, Tabular},
};
pub use super::write::Scratch;
