use super::{Checking, Repair, names, records};
use crate::{
    base::{Error, Kind},
    engine::{keys::Lists, schema::Model},
    store::Snapshot,
};

/// Checks the records of a kind, and their two lists.
pub(super) fn check(
    snapshot: &dyn Snapshot,
    model: &'static Model,
    kind: Kind,
    checking: &mut Checking<'_>,
) -> Result<(), Error> {
    let lists = match Lists::load(kind, snapshot) {
        Ok(lists) => Some(lists),
        Err(error) => {
            checking.found(Repair::Rebuild, error.to_string());
            None
        }
    };
    let next = lists.as_ref().map_or(0, |lists| lists.next().get());
    let counts = records::check(snapshot, model, kind, next, checking)?;
    let Some(lists) = lists else { return Ok(()) };
    if model.is_searched() {
        names::check(snapshot, model, kind, lists.next(), checking)?;
    }
    let plural = kind.plural();
    checking.expect(lists.len() == counts.records, Repair::Rebuild, || {
        format!("the total of {plural} is {} where there are {}", lists.len(), counts.records)
    });
    let agree = lists.counts_agree(snapshot)?;
    checking.expect(agree, Repair::Rebuild, || format!("the counts of {plural} that are gone are wrong"));
    let agree = lists.changes.agrees(snapshot)?;
    checking.expect(agree, Repair::Rebuild, || {
        format!("the counts of the list of {plural} by last change are wrong")
    });
    Ok(())
}
