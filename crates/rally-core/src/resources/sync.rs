use crate::{
    base::{Error, Faults, Kind, limits},
    engine::{FeedEntry, FeedFrom, FeedQuery, Parameters, Profile},
};

/// The members of an entry, in the order in which they are written.
const MEMBERS: [&str; 6] = ["id", "entityType", "entityId", "action", "changedAt", "changedBy"];

/// Which members of a feed entry to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedFields([bool; MEMBERS.len()]);

impl FeedQuery {
    /// Reads the parameters of the feed: `since` or `after`, `entities`, `limit` and `fields`.
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) with every parameter that is wrong.
    pub fn parse(pairs: &[(String, String)], profile: Profile) -> Result<(Self, FeedFields), Error> {
        let mut parameters = Parameters::new(pairs);
        let from = from(&mut parameters);
        let kinds = kinds(&mut parameters);
        let limit = parameters.number("limit", 1, limits::FEED_PAGE).unwrap_or(limits::FEED_PAGE);
        let fields = fields(&mut parameters, profile);
        parameters.finish(profile)?;
        // Without a place to go on from there is a fault, which `finish` has just reported.
        let from = from.ok_or_else(|| Faults::one("since", "is required"))?;
        Ok((Self { from, kinds, limit }, fields))
    }
}

impl FeedFields {
    /// Every member.
    pub const ALL: FeedFields = FeedFields([true; MEMBERS.len()]);

    /// The members of an entry, in the order in which they are written.
    #[must_use]
    pub const fn members() -> &'static [&'static str] {
        &MEMBERS
    }

    /// Appends the JSON object of these members of an entry.
    ///
    /// # Errors
    /// None in practice: an entry is always JSON.
    pub fn write_json(&self, entry: &FeedEntry, out: &mut Vec<u8>) -> Result<(), Error> {
        if *self == Self::ALL {
            return serde_json::to_writer(out, entry).map_err(Error::internal);
        }
        let mut value = serde_json::to_value(entry).map_err(Error::internal)?;
        out.push(b'{');
        let mut separator = "";
        for (name, _) in MEMBERS.iter().zip(self.0).filter(|(_, wanted)| *wanted) {
            let member = value.get_mut(*name).map(serde_json::Value::take).unwrap_or_default();
            out.extend_from_slice(format!("{separator}\"{name}\":{member}").as_bytes());
            separator = ",";
        }
        out.push(b'}');
        Ok(())
    }
}

fn from(parameters: &mut Parameters<'_>) -> Option<FeedFrom> {
    let after = parameters.take("after");
    let (since_given, since) = parameters.given_instant("since");
    match after {
        Some(_) if since_given => {
            parameters.fault("after", "must not be given together with since");
            None
        }
        Some(number) => {
            let number = number.parse().ok();
            if number.is_none() {
                parameters.fault("after", "must be the id of a change");
            }
            number.map(FeedFrom::After)
        }
        None => {
            if !since_given {
                parameters.fault("since", "is required");
            }
            since.map(FeedFrom::Since)
        }
    }
}

fn kinds(parameters: &mut Parameters<'_>) -> Vec<Kind> {
    let list = parameters.take("entities").unwrap_or_default();
    let mut kinds = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match Kind::IN_FEED.into_iter().find(|kind| kind.plural() == name) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => {
                parameters.fault("entities", format!("names {name:?}; use {}", all_kinds()));
                break;
            }
        }
    }
    if kinds.is_empty() { Kind::IN_FEED.to_vec() } else { kinds }
}

fn all_kinds() -> String {
    Kind::IN_FEED.map(Kind::plural).join(", ")
}

fn fields(parameters: &mut Parameters<'_>, profile: Profile) -> FeedFields {
    let list = parameters.take("fields").unwrap_or_default();
    let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    for name in names.iter().filter(|name| profile == Profile::Strict && !MEMBERS.contains(name)) {
        parameters.fault("fields", format!("names {name:?}, which is not a member"));
    }
    if names.is_empty() { FeedFields::ALL } else { FeedFields(MEMBERS.map(|member| names.contains(&member))) }
}
