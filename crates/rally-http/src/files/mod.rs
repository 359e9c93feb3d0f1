//! `/importexport/{contacts|companies|deals|activities}`: files of records, out and in.
//!
//! A file that goes out is written while it is sent (`pipe`), by work that waits for its reader. A file that comes in is
//! kept on the disk (`spool`) until it is whole, as one body or as the part of a form (`upload`, `form`), and is then read
//! by the engine.

mod export;
mod form;
mod format;
mod import;
mod parameters;
mod pipe;
mod spool;
mod upload;
mod watch;

use rally_core::schema::Tabular;

use crate::{
    crud::Served,
    route::{FileAct, FileOperation, Method, Operation, Route},
};

pub(crate) use self::{
    format::{CSV, WORKBOOK},
    parameters::import_options,
    watch::{NDJSON, columns_example, progress_example, refused_example},
};

/// Export, template and import of the records of a resource.
pub(crate) fn files<R: Served + Tabular>() -> Vec<Route> {
    let path = |act: &str| format!("/importexport/{}/{act}", R::KIND.plural());
    let operation = |act: FileAct| {
        let scope = if act == FileAct::Import { R::WRITE } else { R::READ };
        Operation::File(FileOperation { act, noun: R::NOUN, model: R::model(), scope })
    };
    vec![
        Route::new(Method::Get, &path("export"), export::export::<R>, operation(FileAct::Export)),
        Route::new(
            Method::Get,
            &path("export/excel"),
            export::export_workbook::<R>,
            operation(FileAct::ExportWorkbook),
        ),
        Route::new(Method::Get, &path("template"), export::template::<R>, operation(FileAct::Template)),
        Route::new(Method::Post, &path("import"), import::import::<R>, operation(FileAct::Import)),
    ]
}
