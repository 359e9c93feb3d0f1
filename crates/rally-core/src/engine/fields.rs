use super::{Access, Member, Model, Profile, Record, member::Source};
use crate::base::Faults;

/// Which members of a record to write, in the model's order.
#[derive(Clone, Debug)]
pub struct Fields {
    /// `,"name":` of every member, one behind the other.
    names: Vec<u8>,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Where its name ends in `names`; it starts where the one before ends.
    name_end: usize,
    source: Source,
}

impl Fields {
    pub(crate) fn of<'m>(members: impl Iterator<Item = &'m Member>) -> Self {
        let mut fields = Self { names: Vec::new(), steps: Vec::new() };
        for member in members {
            let opening = if fields.steps.is_empty() { '{' } else { ',' };
            fields.names.extend_from_slice(format!("{opening}\"{}\":", member.name).as_bytes());
            fields.steps.push(Step { name_end: fields.names.len(), source: member.source });
        }
        fields
    }

    /// The members that a comma-separated list names; all of them when it names none.
    ///
    /// # Errors
    /// In the strict profile each unknown name is a fault of `fields`; in the documented one it is passed over.
    pub fn parse(model: &Model, list: &str, profile: Profile) -> Result<Self, Faults> {
        let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Ok(model.whole().clone());
        }
        let mut faults = Faults::new();
        for name in names.iter().filter(|name| model.find(name).is_none()) {
            if profile == Profile::Strict {
                faults.add("fields", format!("names {name:?}, which is not a member"));
            }
        }
        let named = |member: &&Member| member.access != Access::Hidden && names.contains(&member.name);
        if faults.is_empty() { Ok(Self::of(model.members().iter().filter(named))) } else { Err(faults) }
    }

    /// Appends the JSON object of a record.
    pub(crate) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.steps.is_empty() {
            return out.extend_from_slice(b"{}");
        }
        let mut name_start = 0;
        for step in &self.steps {
            out.extend_from_slice(self.names.get(name_start..step.name_end).unwrap_or_default());
            name_start = step.name_end;
            record.write_value(step.source, out);
        }
        out.push(b'}');
    }
}
