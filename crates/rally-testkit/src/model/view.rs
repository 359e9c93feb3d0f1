//! Records as they are read, with the members that come from other records at that moment.

use std::collections::BTreeMap;

use rally_core::Kind;

use super::{
    sample::{quote, unquote},
    state::{PlainStage, Record, State},
    table::{BANT, Member, SETTINGS, Values, members},
};

impl State {
    /// The JSON object of a record.
    pub(super) fn text(&self, kind: Kind, record: &Record) -> String {
        let head = [("id", quote(&record.id.to_string())), ("tenantId", quote(&self.tenant.to_string()))];
        let is_read = |member: &&Member| member.values != Values::Password;
        let middle =
            members(kind).iter().filter(is_read).map(|member| (member.name, self.value(member, record)));
        let tail = [("createdAt", record.created_at), ("updatedAt", record.updated_at)]
            .map(|(name, instant)| (name, quote(&instant.to_string())));
        object(head.into_iter().chain(middle).chain(tail))
    }

    /// The JSON object of a deal's qualification.
    pub(super) fn bant_text(&self, deal: &Record) -> String {
        let id = ("dealId", quote(&deal.id.to_string()));
        let rest = BANT.iter().map(|member| {
            let value = match (member.values, self.value(member, deal)) {
                (Values::Criterion, none) if none == "null" => "{\"rating\":null,\"notes\":null}".to_owned(),
                (_, value) => value,
            };
            (member.name, value)
        });
        object([id].into_iter().chain(rest))
    }

    /// The JSON object of the tenant's settings.
    pub(super) fn settings_text(&self) -> String {
        object(SETTINGS.iter().map(|member| {
            let value = match (member.name, &*self.settings[member.name]) {
                ("name", "null") => quote(self.slug),
                ("rateLimitPerMinute", "null") => "1000".to_owned(),
                ("profile", "null") => "\"documented\"".to_owned(),
                (_, value) => value.to_owned(),
            };
            (member.name, value)
        }))
    }

    /// The JSON text of a member.
    pub(super) fn value(&self, member: &Member, record: &Record) -> String {
        match member.values {
            Values::Made => self.made(member.name, record),
            Values::Stages => stages_text(&record.stages),
            _ => record.members[member.place].clone(),
        }
    }

    fn made(&self, name: &str, record: &Record) -> String {
        let named = |kind, member| self.named(kind, &record.members[member]);
        let made = match name {
            "fullName" => Some(full_name(record)),
            "contactName" => named(Kind::Contact, "contactId").map(full_name),
            "companyName" => named(Kind::Company, "companyId").map(|company| company.members["name"].clone()),
            "ownerName" => named(Kind::User, "ownerId").map(|user| user.members["name"].clone()),
            "stageName" => named(Kind::Pipeline, "pipelineId").and_then(|pipeline| {
                let is_it = |stage: &&PlainStage| record.members["stageId"] == quote(&stage.id.to_string());
                pipeline.stages.iter().find(is_it).map(|stage| quote(&stage.name))
            }),
            "lastActivityAt" => {
                let newest = self.naming(Kind::Activity, "dealId", record.id).last();
                newest.map(|activity| quote(&activity.created_at.to_string()))
            }
            "score" => score(record),
            _ => None,
        };
        made.unwrap_or_else(|| "null".to_owned())
    }

    /// Sums of a pipeline's deals: for each stage their number, and by currency their values and these times the
    /// probabilities, in millionths.
    pub(super) fn forecast(&self, pipeline: &Record) -> Vec<(PlainStage, usize, Sums)> {
        let of_stage = |stage: &PlainStage| {
            let (mut count, mut sums) = (0, Sums::new());
            for deal in self.naming(Kind::Deal, "stageId", stage.id) {
                count += 1;
                if deal.members["value"] != "null" {
                    let value = millionths(&deal.members["value"]);
                    let percent: i128 = deal.members["probability"].parse().expect("a whole number");
                    let (sum, weighted) = sums.entry(unquote(&deal.members["currency"])).or_default();
                    *sum += value;
                    *weighted += value * percent / 100;
                }
            }
            (stage.clone(), count, sums)
        };
        pipeline.stages.iter().map(of_stage).collect()
    }
}

/// By currency.
pub(super) type Sums = BTreeMap<String, (i128, i128)>;

/// A decimal number of at most six digits after the point.
pub(super) fn millionths(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 6, "{text} has more digits than are sampled");
    format!("{whole}{fraction:0<6}").parse().expect("a decimal number")
}

fn full_name(contact: &Record) -> String {
    let name = |member| unquote(&contact.members[member]);
    quote(&format!("{} {}", name("firstName"), name("lastName")))
}

fn score(deal: &Record) -> Option<String> {
    if deal.members["bantUpdatedAt"] == "null" {
        return None;
    }
    let rating = |member: &Member| {
        let criterion: serde_json::Value =
            serde_json::from_str(&deal.members[member.place]).unwrap_or_default();
        criterion["rating"].as_u64().unwrap_or(0)
    };
    let sum: u64 = BANT.iter().filter(|member| member.values == Values::Criterion).map(rating).sum();
    Some(((100 * sum + 6) / 12).to_string())
}

fn stages_text(stages: &[PlainStage]) -> String {
    let text = |(order, stage): (usize, &PlainStage)| {
        let PlainStage { id, name, probability, outcome } = stage;
        object([
            ("id", quote(&id.to_string())),
            ("name", quote(name)),
            ("order", (order + 1).to_string()),
            ("probability", probability.to_string()),
            ("outcome", quote(outcome)),
        ])
    };
    format!("[{}]", stages.iter().enumerate().map(text).collect::<Vec<_>>().join(","))
}

fn object<'m>(members: impl IntoIterator<Item = (&'m str, String)>) -> String {
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}
