use rally_core::Kind;
use serde_json::Value;
use uuid::Uuid;

use super::{
    state::{Record, State},
    table::{Member, Values},
};
use crate::Random;

/// A value of a member: as it is sent, and as it is kept, which is `None` for a fault. Both are JSON text.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) json: String,
    pub(super) kept: Option<String>,
}

/// Members that are sent, each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) given: Vec<Given>,
    /// A name that callers cannot write, sent along.
    pub(super) unknown_name: Option<&'static str>,
}

/// Records that a value may refer to.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) own: &'a State,
    pub(super) other: &'a State,
    /// The record that is to change, if there is one.
    pub(super) record: Option<&'a Record>,
}

/// What forms send for a member that is left open: no value in the documented profile, a fault in the strict one, unless
/// the member is free text.
pub(super) const LEFT_OPEN: &str = "\"\"";

pub(super) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text that a JSON string means.
pub(super) fn unquote(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_default()
}

impl Body {
    /// These members, each kept as it is sent.
    pub(super) fn of<const N: usize>(members: [(&'static str, String); N]) -> Self {
        let given = members.map(|(name, json)| Given { name, place: name, kept: Some(json.clone()), json });
        Self { given: given.into(), unknown_name: None }
    }

    /// The JSON object of what is sent.
    pub(super) fn to_json(&self) -> String {
        let unknown = self.unknown_name.map(|name| format!("\"{name}\":1"));
        let given = self.given.iter().map(|given| format!("\"{}\":{}", given.name, given.json));
        format!("{{{}}}", unknown.into_iter().chain(given).collect::<Vec<_>>().join(","))
    }

    pub(super) fn kept(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|given| given.name == name)?.kept.as_deref()
    }

    /// True when it gives a member a value.
    pub(super) fn gives(&self, name: &str) -> bool {
        let is_value =
            |given: &Given| given.kept.is_some() && given.json != "null" && given.json != LEFT_OPEN;
        self.given.iter().any(|given| given.name == name && is_value(given))
    }

    /// Random values for the members that are written and that `chosen` chooses.
    pub(super) fn sample(
        members: &[Member],
        around: Around<'_>,
        random: &mut Random,
        mut chosen: impl FnMut(&Member, &mut Random) -> bool,
    ) -> Self {
        let mut body = Self::default();
        if random.once_in(25) {
            body.unknown_name = Some(random.one_of(&["colour", "createdAt"]));
        }
        for member in members.iter().filter(|member| member.is_written) {
            if chosen(member, random) {
                body.given.push(body.one(member, around, random));
            }
        }
        body
    }

    /// The same body with a record's values for some members, in any letter case if case does not matter.
    pub(super) fn matching(
        mut self,
        record: &Record,
        keys: &'static [&'static str],
        random: &mut Random,
    ) -> Self {
        self.given.retain(|given| !keys.contains(&given.name));
        for &key in keys {
            let kept = record.members[key].clone();
            let kept = if key == "email" && random.once_in(2) {
                kept.replace('ß', "ẞ").to_uppercase()
            } else {
                kept
            };
            self.given.push(Given { name: key, place: key, json: kept.clone(), kept: Some(kept) });
        }
        self
    }

    fn one(&self, member: &Member, around: Around<'_>, random: &mut Random) -> Given {
        let given = |json: &str, kept: Option<String>| Given {
            name: member.name,
            place: member.place,
            json: json.to_owned(),
            kept,
        };
        let none = || given("null", Some(member.default.to_owned()));
        if random.once_in(50) {
            return given(&fault(member, random), None);
        }
        let is_without = match member.values {
            Values::Reference(kind) => around.own.all(kind).is_empty(),
            // Hashing one takes long.
            Values::Password => true,
            _ => false,
        };
        if is_without || !member.is_required && random.once_in(6) {
            return none();
        }
        let is_free_text = matches!(member.values, Values::Text | Values::TagLine | Values::Scopes);
        if !member.is_required && !is_free_text && random.once_in(15) {
            let kept = if around.own.is_strict() { None } else { Some(member.default.to_owned()) };
            return given(LEFT_OPEN, kept);
        }
        let (json, kept) = match member.values {
            Values::StageOfPipeline => self.stage(around, random),
            Values::Reference(kind) => same(reference(kind, around, random)),
            Values::Stages => same(stages(around.record, random)),
            values => good(values, random),
        };
        given(&json, Some(kept))
    }

    /// A stage of the pipeline that the deal is to be in, or of another one.
    fn stage(&self, around: Around<'_>, random: &mut Random) -> (String, String) {
        let before = around.record.and_then(|deal| deal.members.get("pipelineId").map(String::as_str));
        let own = self.kept("pipelineId").or(before).and_then(|id| around.own.named(Kind::Pipeline, id));
        let any = around.own.pick(Kind::Pipeline, random);
        let pipeline = own.filter(|_| !random.once_in(10)).or(any);
        let stage = pipeline.map(|pipeline| pipeline.stages[random.below(pipeline.stages.len())].id);
        same(quote(&stage.unwrap_or_default().to_string()))
    }
}

fn same(json: String) -> (String, String) {
    (json.clone(), json)
}

/// A value that a member can have: as it is sent, and as it is kept.
fn good(values: Values, random: &mut Random) -> (String, String) {
    let number = random.below(60);
    match values {
        Values::Email => spaced(&address(number, random)),
        Values::Domain if random.once_in(3) => {
            (quote(&format!("HTTPS://www.D{number}.Example./a?b")), quote(&format!("d{number}.example")))
        }
        Values::Domain => same(quote(&format!("d{number}.example"))),
        Values::Url => same(quote(&format!("https://x.example/{number}"))),
        Values::Number(most) => number_up_to(most, random),
        Values::Decimal => same(random.one_of(&["0", "10.00", "-3.5", "123456789.1234", "0.99"]).to_owned()),
        Values::Flag => same(random.one_of(&["true", "false"]).to_owned()),
        Values::Word(words) => same(quote(random.one_of(words))),
        Values::TagLine => (quote(&format!(" a,, b{number} ,a")), quote(&format!("a,b{number}"))),
        Values::Tags => (format!("[\" a \",\"\",\"b{number}\",\"a\"]"), format!("[\"a\",\"b{number}\"]")),
        Values::Instant if random.once_in(2) => {
            let forms =
                ["2025-03-01T10:00:00.5+02:00", "2025-03-01 10:00:00.5 +0200", "2025-03-01T08:00:00.50"];
            (quote(random.one_of(&forms)), quote("2025-03-01T08:00:00.500000Z"))
        }
        Values::Instant => (quote("2025-03-01"), quote("2025-03-01T00:00:00.000000Z")),
        Values::Currency => same(quote(random.one_of(&["USD", "EUR", "JPY"]))),
        Values::TimeZone => same(quote(random.one_of(&["UTC", "Europe/Berlin"]))),
        Values::Scopes if random.once_in(3) => (quote("read, admin"), quote("read,admin")),
        Values::Scopes => same(quote(random.one_of(&["read", "write", "read,write", "admin"]))),
        Values::Criterion => same(criterion(random)),
        _ => text(number, random),
    }
}

/// One of a few addresses, some of which are one mailbox in several spellings, and some look as if they were.
fn address(number: usize, random: &mut Random) -> String {
    match random.below(20) {
        0..2 => format!("É{number}@X.example"),
        2..4 => format!("e\u{301}{number}@x.example"),
        4 => format!("straße{number}@x.example"),
        5 => format!("strasse{number}@x.example"),
        6 => format!("\u{212A}{number}@x.example"),
        7 => format!("K{number}@x.example"),
        8 => format!("c{number}@München.example"),
        9 => format!("C{number}@xn--mnchen-3ya.example"),
        _ => format!("c{number}@x.example"),
    }
}

fn number_up_to(most: usize, random: &mut Random) -> (String, String) {
    let kept = random.below(most + 1).to_string();
    let json = match random.below(8) {
        0 => format!("{kept}.0"),
        1 => format!("{kept}.0e0"),
        _ => kept.clone(),
    };
    (json, kept)
}

fn spaced(text: &str) -> (String, String) {
    (quote(&format!("  {text} ")), quote(text))
}

/// A text: now and then an empty one, or one that is longer than the beginning that the index of names keeps.
fn text(number: usize, random: &mut Random) -> (String, String) {
    match random.below(20) {
        0 => spaced(""),
        1 => same(quote(&format!("\"{number}\"\n\t\\ é 😀"))),
        2..6 => spaced(&format!("A name of more letters than most have {number}")),
        6..8 => spaced(&format!("Änne {number}")),
        8 => spaced(&format!("A\u{308}nne {number}")),
        9 => spaced(&format!("{}lk {number}", random.one_of(&["İ", "I", "ı", "i"]))),
        _ => spaced(&format!("N{}", number % 20)),
    }
}

fn criterion(random: &mut Random) -> String {
    let rating = random.one_of(&["", "\"rating\":null", "\"rating\":0", "\"rating\":1", "\"rating\":3"]);
    let notes = random.one_of(&["", "\"notes\":null", "\"notes\":\"n\"", "\"notes\":\"m\""]);
    let given: Vec<&str> = [rating, notes].into_iter().filter(|given| !given.is_empty()).collect();
    format!("{{{}}}", given.join(","))
}

/// The id of a record, or one that no record has: of a deleted one, of another tenant's or of another kind's.
fn reference(kind: Kind, around: Around<'_>, random: &mut Random) -> String {
    let id = match around.own.pick(kind, random) {
        Some(record) if !random.once_in(25) => record.id,
        _ => unknown_id(kind, around, random),
    };
    quote(&id.to_string())
}

/// An id that no record of a kind has.
pub(super) fn unknown_id(kind: Kind, around: Around<'_>, random: &mut Random) -> Uuid {
    let another = if kind == Kind::Company { Kind::Contact } else { Kind::Company };
    let record = match random.below(3) {
        0 => around.other.pick(kind, random),
        1 => around.own.pick(another, random),
        _ => None,
    };
    match record {
        Some(record) => record.id,
        None if around.own.gone.is_empty() => Uuid::from_u128(7),
        None => random.one_of(&around.own.gone),
    }
}

/// A list of stages: those of the pipeline, kept, changed or left out, and new ones.
fn stages(pipeline: Option<&Record>, random: &mut Random) -> String {
    let mut list = Vec::new();
    for stage in pipeline.iter().flat_map(|pipeline| &pipeline.stages) {
        if !random.once_in(8) {
            list.push(format!("{{\"id\":\"{}\"{}}}", stage.id, some_of_stage(random, 6)));
        }
    }
    if !list.is_empty() && random.once_in(5) {
        let place = random.below(list.len());
        list.rotate_left(place);
    }
    if random.once_in(15) {
        let id = list.first().cloned().unwrap_or_else(|| format!("{{\"id\":\"{}\"}}", Uuid::from_u128(7)));
        list.push(id);
    }
    let wanted = if list.is_empty() { 1 + random.below(4) } else { random.below(2) };
    for _ in 0..wanted.min(12 - list.len().min(12)) {
        let name = format!("{}{}", random.one_of(&["S", "s"]), random.below(30));
        list.push(format!("{{\"name\":\"{name}\"{}}}", some_of_stage(random, 2)));
    }
    format!("[{}]", list.join(","))
}

fn some_of_stage(random: &mut Random, once_in: usize) -> String {
    let mut members = String::new();
    if once_in > 2 && random.once_in(once_in) {
        members += &format!(",\"name\":\"T{}\"", random.below(30));
    }
    if random.once_in(once_in) {
        members += random.one_of(&[",\"probability\":null", ",\"probability\":0", ",\"probability\":35"]);
    }
    if random.once_in(once_in) {
        members += random.one_of(&[
            ",\"outcome\":null",
            ",\"outcome\":\"open\"",
            ",\"outcome\":\"won\"",
            ",\"outcome\":\"lost\"",
        ]);
    }
    members
}

/// A value that a member cannot have.
fn fault(member: &Member, random: &mut Random) -> String {
    let special = match member.values {
        Values::Email => "\"no address\"",
        Values::Domain => "\"localhost\"",
        Values::Url => "\"ftp://x.example\"",
        Values::Number(_) => "-1",
        Values::Decimal => "\"10\"",
        Values::Flag => "1",
        Values::Reference(_) | Values::StageOfPipeline => "\"7\"",
        Values::Stages => random.one_of(&["[]", "[{\"name\":\"a\",\"probability\":101}]"]),
        Values::Tags => "\"a,b\"",
        Values::Criterion => "{\"rating\":4}",
        Values::Password => "\"too short\"",
        Values::Text if member.is_required => "\"  \"",
        _ => "\"\\u0001\"",
    };
    match random.below(3) {
        0 => "[1,{\"a\":null}]".to_owned(),
        1 if member.is_required => "null".to_owned(),
        _ => special.to_owned(),
    }
}
