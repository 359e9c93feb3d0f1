use std::io::BufReader;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use rally_core::{
    Error, ErrorFile, Format, ImportOptions, ImportReport, ImportWatch, Kind, Session, schema::Tabular,
};
use tempfile::SpooledTempFile;

use super::{
    export::file,
    parameters::{self, ErrorsAs},
    pipe, spool,
    upload::{self, Upload},
    watch::{NDJSON, Teller},
};
use crate::{
    answer,
    app::App,
    budget::{Holder, Permit},
    call::Call,
    crud::Served,
    header_list::split,
    lanes::{Party, Work},
    problem::Problem,
};

/// An import that is ready to be run, of records of any kind.
struct Import {
    kind: Kind,
    run: fn(&mut Import, &mut dyn ImportWatch) -> Result<ImportReport, Error>,
    session: Session,
    file: BufReader<SpooledTempFile>,
    options: ImportOptions,
    errors: ErrorsAs,
    permit: Permit,
}

pub(crate) async fn import<R: Served + Tabular>(app: App, mut call: Call) -> Result<Response, Problem> {
    call.session.require(R::WRITE)?;
    let asked = parameters::import(call.parameters()?, &app.config().files)?;
    let mut options = asked.options;
    options.idempotency_key = call.idempotency_text()?;
    let Upload { file, charset, permit } = upload::receive(&app, &mut call, R::WRITE).await?;
    options.charset = options.charset.or(charset);
    let is_told = wants_progress(&call.headers);
    let (kind, errors) = (R::KIND, asked.errors);
    let import = Import { kind, run: Import::run::<R>, session: call.session, file, options, errors, permit };
    match errors {
        _ if is_told => import.tell(&app).await,
        ErrorsAs::Report => import.report(&app).await,
        ErrorsAs::File => import.refused_rows(&app).await,
    }
}

/// True if the caller takes lines of JSON while the import goes on.
fn wants_progress(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| split(line, ',')).any(|accepted| {
        let essence = split(accepted, ';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(NDJSON)
    })
}

impl Import {
    fn run<R: Served + Tabular>(&mut self, watch: &mut dyn ImportWatch) -> Result<ImportReport, Error> {
        R::of(&self.session).import_watched(&mut self.file, &self.options, watch)
    }

    /// Answers the report.
    async fn report(mut self, app: &App) -> Result<Response, Problem> {
        let party = Party::Tenant(self.session.tenant().id);
        let report = app.run(Work::Import, party, move || (self.run)(&mut self, &mut ())).await?;
        let json = serde_json::to_vec(&report).map_err(Error::internal)?;
        let mut response = answer::json(StatusCode::OK, json);
        answer::write_replayed(response.headers_mut(), report.replayed);
        Ok(response)
    }

    /// Answers the rows that are refused, as a file.
    async fn refused_rows(mut self, app: &App) -> Result<Response, Problem> {
        let holder = Holder::Tenant(self.session.tenant().id);
        let party = Party::Tenant(self.session.tenant().id);
        let (kind, folder) = (self.kind, app.config().files.temporary_folder.clone());
        let imported = app.run(Work::Import, party, move || {
            let mut refused = ErrorFile::new(spool::temporary_file(folder.as_deref()));
            let report = (self.run)(&mut self, &mut refused)?;
            let mut refused = refused.finish()?;
            let length = spool::length(&mut refused)?;
            Ok((report.replayed, refused, length, self.permit))
        });
        let (is_replayed, refused, length, permit) = imported.await?;
        // The file that has come is gone, and this one is there already.
        drop(permit);
        let bytes = usize::try_from(length).map_err(Error::internal)?;
        let permit = app.uploads().take_anyway(holder, bytes);
        let mut response = file(spool::body(refused, permit), kind, "-refused", Format::Csv)?;
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        answer::write_replayed(response.headers_mut(), is_replayed);
        Ok(response)
    }

    /// Answers lines of JSON while the import goes on, the report in the last.
    async fn tell(mut self, app: &App) -> Result<Response, Problem> {
        let tenant = self.session.tenant().id;
        let (party, holder) = (Party::Tenant(tenant), Holder::Tenant(tenant));
        let body: Body = pipe::written(app, Work::Import, party, holder, move |writer| {
            let mut teller = Teller::new(writer, self.errors == ErrorsAs::File);
            let imported = (self.run)(&mut self, &mut teller);
            teller.end(imported)
        })
        .await?;
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
        Ok(response)
    }
}
