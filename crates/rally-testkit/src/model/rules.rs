//! Rules of each kind besides those of its single members.

use rally_core::{Kind, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::{
    sample::{Body, quote, unquote},
    state::{Members, PlainStage, Record, Refusal, State, refused},
    table::{BANT, OF_TYPE, Values},
};

/// A record as it is about to be, and its faults.
pub(super) struct Revision {
    pub(super) members: Members,
    pub(super) stages: Vec<PlainStage>,
    /// Instant of the change, if there is one.
    at: Timestamp,
    pub(super) is_wrong: bool,
    pub(super) leads_nowhere: bool,
    is_in_conflict: bool,
}

impl Revision {
    pub(super) const fn new(members: Members, stages: Vec<PlainStage>, at: Timestamp) -> Self {
        Self { members, stages, at, is_wrong: false, leads_nowhere: false, is_in_conflict: false }
    }

    /// The code of its fault, if it has one.
    pub(super) const fn fault(&self) -> Option<&'static str> {
        if self.is_wrong {
            Some("validation")
        } else if self.leads_nowhere {
            Some("bad_reference")
        } else if self.is_in_conflict {
            Some("conflict")
        } else {
            None
        }
    }

    fn set(&mut self, place: &'static str, json: impl Into<String>) {
        self.members.insert(place, json.into());
    }

    fn changes(&self, old: Option<&Record>, place: &str) -> bool {
        old.is_none_or(|old| old.members[place] != self.members[place])
    }

    fn now(&self) -> String {
        quote(&self.at.to_string())
    }
}

/// Completes a record that is about to be, and finds its faults.
pub(super) fn settle(
    state: &mut State,
    kind: Kind,
    old: Option<&Record>,
    body: &Body,
    revision: &mut Revision,
) {
    match kind {
        Kind::Deal => {
            settle_stage(state, old, body, revision);
            settle_bant(old, revision);
        }
        Kind::Activity => settle_activity(old, revision),
        Kind::User => {
            let was = old.filter(|old| is_admin(&old.members));
            let is_last = was.is_some_and(|old| !another_is_admin(state, old.id));
            revision.is_wrong |= is_last && !is_admin(&revision.members);
        }
        Kind::Pipeline => {
            let was_default = old.is_some_and(|old| old.members["isDefault"] == "true");
            revision.is_wrong |= was_default && revision.members["isDefault"] != "true";
            settle_stages(state, old, body, revision);
        }
        Kind::Contact | Kind::Company | Kind::ApiKey | Kind::Tenant | Kind::AuditEntry | Kind::Webhook => {}
    }
}

/// Refuses to delete a record that must stay.
pub(super) fn may_go(state: &State, kind: Kind, record: &Record) -> Result<(), Refusal> {
    let refusal = match kind {
        Kind::Pipeline if record.members["isDefault"] == "true" => Some("validation"),
        Kind::Pipeline => {
            state.naming(Kind::Deal, "pipelineId", record.id).next().is_some().then_some("conflict")
        }
        Kind::User => {
            let is_last = is_admin(&record.members) && !another_is_admin(state, record.id);
            is_last.then_some("validation")
        }
        Kind::Contact
        | Kind::Company
        | Kind::Deal
        | Kind::Activity
        | Kind::ApiKey
        | Kind::Tenant
        | Kind::AuditEntry
        | Kind::Webhook => None,
    };
    refusal.map_or(Ok(()), refused)
}

fn settle_stage(state: &State, old: Option<&Record>, body: &Body, deal: &mut Revision) {
    if deal.members["currency"] == "null" {
        deal.set("currency", state.settings["defaultCurrency"].clone());
    }
    let Some(pipeline) = state.named(Kind::Pipeline, &deal.members["pipelineId"]) else { return };
    let id = &deal.members["stageId"];
    let Some(stage) = pipeline.stages.iter().find(|stage| *id == quote(&stage.id.to_string())) else {
        deal.leads_nowhere = true;
        return;
    };
    let is_moved = deal.changes(old, "stageId") && !body.gives("probability");
    if is_moved || deal.members["probability"] == "null" {
        deal.set("probability", stage.probability.to_string());
    }
    deal.set("status", quote(&stage.outcome));
    if deal.changes(old, "status") {
        let closed = if stage.outcome == "open" { "null".to_owned() } else { deal.now() };
        deal.set("actualCloseDate", closed);
    }
}

/// Merges what is given of each of the four criteria into its former value.
fn settle_bant(old: Option<&Record>, deal: &mut Revision) {
    let Some(old) = old else { return };
    for member in BANT.iter().filter(|member| member.values == Values::Criterion) {
        let (before, given) = (read(&old.members[member.place]), read(&deal.members[member.place]));
        let laid =
            |name: &str| given.get(name).or_else(|| before.get(name)).unwrap_or(&Value::Null).to_string();
        let (rating, notes) = (laid("rating"), laid("notes"));
        let is_none = given.is_null() || rating == "null" && notes == "null";
        let whole = format!("{{\"rating\":{rating},\"notes\":{notes}}}");
        deal.set(member.place, if is_none { "null".to_owned() } else { whole });
    }
    if BANT.iter().any(|member| member.is_written && deal.changes(Some(old), member.place)) {
        deal.set("bantUpdatedAt", deal.now());
    }
}

fn settle_activity(old: Option<&Record>, activity: &mut Revision) {
    let own = unquote(&activity.members["activityType"]);
    let others = OF_TYPE.iter().filter(|(of_type, _)| *of_type != own);
    let is_of_another = others.flat_map(|(_, names)| *names).any(|name| activity.members[name] != "null");
    activity.is_wrong |= is_of_another;
    if activity.members["status"] != "\"completed\"" {
        activity.set("completedAt", "null");
    } else if activity.changes(old, "status") {
        activity.set("completedAt", activity.now());
    }
}

fn is_admin(user: &Members) -> bool {
    user["isActive"] == "true" && unquote(&user["scopes"]).split(',').any(|scope| scope == "admin")
}

fn another_is_admin(state: &State, id: Uuid) -> bool {
    state.all(Kind::User).iter().any(|user| user.id != id && is_admin(&user.members))
}

/// Completes the stages that a body gives. A stage with deals must be kept, with its outcome.
fn settle_stages(state: &mut State, old: Option<&Record>, body: &Body, pipeline: &mut Revision) {
    let Some(given) = body.kept("stages").filter(|_| body.gives("stages")).map(read) else { return };
    let before = old.map_or(&[][..], |old| &old.stages);
    let mut after: Vec<PlainStage> = Vec::new();
    for draft in given.as_array().into_iter().flatten() {
        let stage = stage_of(draft, before, pipeline);
        let same = |other: &PlainStage| {
            stage.name.to_lowercase() == other.name.to_lowercase()
                || !stage.id.is_nil() && stage.id == other.id
        };
        pipeline.is_wrong |= stage.name.is_empty() || after.iter().any(same);
        after.push(stage);
    }
    for known in before {
        let is_as_before = after.iter().any(|stage| (stage.id, &stage.outcome) == (known.id, &known.outcome));
        let is_empty = state.naming(Kind::Deal, "stageId", known.id).next().is_none();
        pipeline.is_in_conflict |= !is_as_before && !is_empty;
    }
    if pipeline.fault().is_none() {
        for stage in after.iter_mut().filter(|stage| stage.id.is_nil()) {
            stage.id = state.news.stages.pop_front().unwrap_or_default();
        }
    }
    pipeline.stages = after;
    pipeline.set("stages", "given");
}

/// A stage as a draft has it, completed by what it was; the nil id stands for one to come.
fn stage_of(draft: &Value, stages: &[PlainStage], pipeline: &mut Revision) -> PlainStage {
    let text = |name: &str| draft[name].as_str().map(str::to_owned);
    let id = text("id").and_then(|id| Uuid::try_parse(&id).ok());
    let known = id.and_then(|id| stages.iter().find(|stage| stage.id == id));
    pipeline.leads_nowhere |= id.is_some() && known.is_none();
    let before = |name: &str| known.filter(|_| draft.get(name).is_none());
    let outcome = text("outcome").or_else(|| before("outcome").map(|known| known.outcome.clone()));
    let outcome = outcome.unwrap_or_else(|| "open".to_owned());
    let usual = if outcome == "won" { 100 } else { 0 };
    PlainStage {
        id: id.unwrap_or_default(),
        name: text("name").or_else(|| before("name").map(|known| known.name.clone())).unwrap_or_default(),
        probability: draft["probability"]
            .as_u64()
            .or(before("probability").map(|known| known.probability))
            .unwrap_or(usual),
        outcome,
    }
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}
