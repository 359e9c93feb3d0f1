//! The members of an entry that `fields` names, of lists that are not of records.

use rally_core::{Error, Profile};

use crate::parameters::Parameters;

/// The members of an entry that are asked for, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryFields {
    asked: Vec<&'static str>,
    is_whole: bool,
}

impl EntryFields {
    /// Reads the members that are asked for; all of them, if none is named.
    pub(crate) fn read(parameters: &mut Parameters, members: &[&'static str]) -> Self {
        let list = parameters.take("fields");
        let names: Vec<&str> = names(list.as_deref()).collect();
        if parameters.profile() == Profile::Strict {
            for name in names.iter().filter(|name| !members.contains(name)) {
                parameters.fault("fields", format!("names {name:?}, which is not a member"));
            }
        }
        let is_asked = |member: &&&str| names.is_empty() || names.contains(*member);
        let asked: Vec<&str> = members.iter().filter(is_asked).copied().collect();
        Self { is_whole: asked.len() == members.len(), asked }
    }

    /// True if all members are asked for.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Appends the JSON object of these members; `write` appends the value of one.
    pub(crate) fn write_json(
        &self,
        out: &mut Vec<u8>,
        write: impl Fn(&str, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(b'{');
        for (index, member) in self.asked.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            out.extend_from_slice(format!("{comma}\"{member}\":").as_bytes());
            write(member, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// The names of a list that is separated by commas.
pub(crate) fn names(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query;

    const MEMBERS: [&str; 3] = ["id", "action", "changedAt"];

    fn read(query: &str, profile: Profile) -> Result<EntryFields, Error> {
        let mut parameters = Parameters::new(query::pairs(Some(query))?, profile);
        let fields = EntryFields::read(&mut parameters, &MEMBERS);
        parameters.finish().map(|_| fields)
    }

    #[test]
    fn members_are_written_in_their_order_and_all_of_them_if_none_is_named() {
        for (query, expected) in [
            ("", r#"{"id":1,"action":1,"changedAt":1}"#),
            ("fields=", r#"{"id":1,"action":1,"changedAt":1}"#),
            ("fields=changedAt, id,changedAt", r#"{"id":1,"changedAt":1}"#),
            ("fields=nonsense", "{}"),
        ] {
            let fields = read(query, Profile::Documented).unwrap();
            let mut json = Vec::new();
            fields
                .write_json(&mut json, |_, out| {
                    out.push(b'1');
                    Ok(())
                })
                .unwrap();
            assert_eq!(String::from_utf8(json).unwrap(), expected, "{query}");
            assert_eq!(fields.is_whole(), expected.contains("action"));
        }
    }

    #[test]
    fn a_name_of_no_member_is_told_in_the_strict_profile() {
        let error = read("fields=id,size", Profile::Strict).unwrap_err();
        assert_eq!(error.detail(), r#"fields names "size", which is not a member"#);
        read("fields=id,action", Profile::Strict).unwrap();
    }
}
