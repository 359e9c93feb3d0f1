//! Operations that are measured of each subject.

use crate::{
    Filter, Members, Subject, fixture,
    measure::{Operation, Work},
    write_in_parallel,
};

/// One contact by its id.
pub const GET: Operation =
    Operation { name: "get one", work: Work::Read(|subject, asked, out| subject.get(asked.round, out)) };

/// The first page.
pub const LIST: Operation = Operation {
    name: "list 100",
    work: Work::Read(|subject, _, out| {
        subject.list(0, Members::All, out);
    }),
};

/// A page far behind the first.
pub const LIST_DEEP: Operation = Operation {
    name: "list 100, deep",
    work: Work::Read(|subject, asked, out| {
        subject.list(fixture::deep(asked.records), Members::All, out);
    }),
};

/// Three members of each contact of the first page.
pub const LIST_THREE: Operation = Operation {
    name: "list 100, three members",
    work: Work::Read(|subject, _, out| {
        subject.list(0, Members::Three, out);
    }),
};

/// A page of what has changed since an instant.
pub const UPDATED_SINCE: Operation = Operation {
    name: "updatedSince, 100",
    work: Work::Read(|subject, asked, out| {
        subject.updated_since(asked.round, out);
    }),
};

/// The first page behind a filter that one contact in five passes.
pub const FILTERED: Operation = Operation {
    name: "filter of 20 %, 100",
    work: Work::Read(|subject, _, out| {
        subject.filtered(Filter::Stage, 0, out);
    }),
};

/// The number of contacts that pass a filter.
pub const FILTERED_TOTAL: Operation = Operation {
    name: "filter of 20 %, count",
    work: Work::Read(|subject, _, out| out.push(u8::from(subject.filtered_total(Filter::Stage) == 0))),
};

/// A page deep in the list behind two filters.
pub const FILTERED_DEEP: Operation = Operation {
    name: "two filters, deep, 100",
    work: Work::Read(|subject, asked, out| {
        subject.filtered(Filter::StageAndSource, fixture::deep_filtered(asked.records), out);
    }),
};

/// The first page of those whose names begin as many do.
pub const SEARCH: Operation = Operation {
    name: "search, common, 100",
    work: Work::Read(|subject, _, out| {
        subject.search(fixture::COMMON, out);
    }),
};

/// The one contact whose e-mail address begins with a text.
pub const SEARCH_RARE: Operation = Operation {
    name: "search, rare",
    work: Work::Read(|subject, asked, out| {
        subject.search(&fixture::rare(asked.round, asked.records), out);
    }),
};

/// The number of those whose names begin as many do.
pub const SEARCH_TOTAL: Operation = Operation {
    name: "search, common, count",
    work: Work::Read(|subject, _, out| out.push(u8::from(subject.search_total(fixture::COMMON) == 0))),
};

/// The number of contacts.
pub const TOTAL: Operation = Operation {
    name: "total of a list",
    work: Work::Read(|subject, _, out| out.push(u8::from(subject.total() == 0))),
};

/// New contacts one after the other.
pub const CREATE: Operation = Operation {
    name: "create, one writer",
    work: Work::Write { body: |number, _| fixture::draft(number), send: create_each },
};

/// New contacts by sixteen threads at once.
pub const CREATE_16: Operation = Operation {
    name: "create, 16 writers",
    work: Work::Write {
        body: |number, _| fixture::draft(number),
        send: |subject, bodies| write_in_parallel(subject, bodies, 16),
    },
};

/// A hundred new contacts in one transaction.
pub const BULK: Operation = Operation {
    name: "bulk of 100",
    work: Work::Write {
        // Each bulk takes a hundred numbers, far from those of single contacts.
        body: |number, _| fixture::bulk((1 << 40) + number * 100, 100),
        send: |subject, bodies| {
            bodies.iter().for_each(|body| {
                subject.bulk(body);
            })
        },
    },
};

/// Contacts changed by their e-mail address.
pub const UPSERT: Operation = Operation {
    name: "upsert",
    work: Work::Write {
        body: fixture::changed,
        send: |subject, bodies| one_by_one(bodies, |body, out| subject.upsert(body, out)),
    },
};

/// Against a baseline that leaves its commits to the operating system.
pub const CREATE_NOT_DURABLE: Operation = Operation { name: "create, not durable", ..CREATE };

fn create_each(subject: &dyn Subject, bodies: &[String]) {
    one_by_one(bodies, |body, out| subject.create(body, out));
}

fn one_by_one(bodies: &[String], send: impl Fn(&str, &mut Vec<u8>)) {
    let mut out = Vec::with_capacity(1_024);
    for body in bodies {
        out.clear();
        send(body, &mut out);
    }
}
