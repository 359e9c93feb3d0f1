use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use rally_core::{Error, Format, Kind, schema::Tabular};

use super::{
    format::{content_type, file_name},
    parameters, pipe,
};
use crate::{app::App, budget::Holder, call::Call, crud::Served, lanes::Work, problem::Problem};

pub(crate) async fn export<R: Served + Tabular>(app: App, call: Call) -> Result<Response, Problem> {
    send::<R>(app, call, Format::Csv).await
}

pub(crate) async fn export_workbook<R: Served + Tabular>(app: App, call: Call) -> Result<Response, Problem> {
    send::<R>(app, call, Format::Xlsx).await
}

/// Sends the records that are asked for, all of one moment.
async fn send<R: Served + Tabular>(app: App, call: Call, format: Format) -> Result<Response, Problem> {
    call.session.require(R::READ)?;
    let asked = parameters::export::<R>(call.parameters()?, call.model::<R>(), format, &app.config().files)?;
    let (party, holder) = (call.party(), Holder::Tenant(call.session.tenant().id));
    let body = pipe::written(&app, Work::Export, party, holder, move |writer| {
        let records = R::of(&call.session);
        records.export_with(writer, &asked.options, asked.query, &mut |_| {}).map(drop)
    });
    file(body.await?, R::KIND, "", format).map_err(Problem::from)
}

/// Sends a file to be filled in.
pub(crate) async fn template<R: Served + Tabular>(app: App, call: Call) -> Result<Response, Problem> {
    let written = app.run(Work::Read, call.party(), move || {
        call.session.require(R::READ)?;
        call.take_no_parameters()?;
        let mut written = Vec::new();
        R::of(&call.session).template(&mut written, Format::Csv)?;
        Ok(written)
    });
    file(written.await?.into(), R::KIND, "-template", Format::Csv).map_err(Problem::from)
}

/// An answer that is a file.
pub(crate) fn file(body: Body, kind: Kind, what: &str, format: Format) -> Result<Response, Error> {
    let mut response = Response::new(body);
    let name = HeaderValue::try_from(file_name(kind, what, format)).map_err(Error::internal)?;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type(format));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
