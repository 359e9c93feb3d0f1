use axum::response::Response;
use rally_core::{Settings, schema::Resource};

use crate::{
    answer,
    app::App,
    call::Call,
    crud::change,
    lanes::Work,
    parameters,
    problem::Problem,
    route::{Method, Operation, Route, Verb},
};

pub(crate) fn routes() -> Vec<Route> {
    let operation = |verb| Operation::on::<Settings>(verb, "settings");
    vec![
        Route::new(Method::Get, "/settings", get_settings, operation(Verb::GetPart)),
        Route::new(Method::Put, "/settings", update_settings, operation(Verb::PutPart)),
    ]
}

async fn get_settings(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::Read, call.party(), move || {
        call.session.require(Settings::READ)?;
        let fields = parameters::fields(call.parameters()?, call.model::<Settings>())?;
        answer::record(&call, &call.session.settings_row()?, &fields)
    });
    Ok(answered.await?)
}

async fn update_settings(app: App, call: Call) -> Result<Response, Problem> {
    change(app, call, |call, json, options| call.session.change_settings_json(json, options)).await
}
