//! What is measured of a subject.

use crate::{Members, Subject, fixture, write_in_parallel};

/// What one read asks for: another contact in each round, out of so many.
#[derive(Clone, Copy)]
pub struct Asked {
    /// The round.
    pub round: u64,
    /// How many contacts there are.
    pub records: u64,
}

/// What is done in one sample, so many times.
pub enum Work {
    /// A question, whose answer is appended.
    Read(fn(&dyn Subject, Asked, &mut Vec<u8>)),
    /// Bodies that are made ahead, each of a number and of how many contacts there are, and how they are sent.
    Write {
        /// Makes a body.
        body: fn(u64, u64) -> String,
        /// Sends them all.
        send: fn(&dyn Subject, &[String]),
    },
}

/// What is to be reached.
#[derive(Clone, Copy)]
pub enum Target {
    /// Nothing in particular.
    None,
    /// So many times as fast as the baseline.
    Times(f64),
    /// No slower than so many microseconds.
    Micros(f64),
}

/// Something that is done to a subject, and how fast it should be beside the baseline.
pub struct Operation {
    /// What it is called.
    pub name: &'static str,
    /// The target on the store in memory.
    pub on_memory: Target,
    /// The target on redb.
    pub on_redb: Target,
    /// What is done.
    pub work: Work,
}

use Target::{Micros, None as Free, Times};

/// Questions.
pub const READS: [Operation; 6] = [
    Operation {
        name: "get one",
        on_memory: Times(6.0),
        on_redb: Times(3.0),
        work: Work::Read(|subject, asked, out| subject.get(asked.round, out)),
    },
    Operation {
        name: "list 100",
        on_memory: Times(20.0),
        on_redb: Times(9.0),
        work: Work::Read(|subject, _, out| {
            subject.list(0, Members::All, out);
        }),
    },
    Operation {
        name: "list 100, deep",
        on_memory: Times(100.0),
        on_redb: Times(40.0),
        work: Work::Read(|subject, asked, out| {
            {
                subject.list(fixture::deep(asked.records), Members::All, out);
            };
        }),
    },
    Operation {
        name: "list 100, three members",
        on_memory: Times(5.0),
        on_redb: Times(2.5),
        work: Work::Read(|subject, _, out| {
            subject.list(0, Members::Three, out);
        }),
    },
    Operation {
        name: "updatedSince, 100",
        on_memory: Times(20.0),
        on_redb: Times(9.0),
        work: Work::Read(|subject, asked, out| {
            subject.updated_since(asked.round, out);
        }),
    },
    Operation {
        name: "total of a list",
        on_memory: Micros(1.0),
        on_redb: Micros(2.0),
        work: Work::Read(|subject, _, out| out.push(u8::from(subject.total() == 0))),
    },
];

/// Changes, each durable before it is answered.
pub const WRITES: [Operation; 4] = [
    Operation {
        name: "create, one writer",
        on_memory: Free,
        on_redb: Times(0.7),
        work: Work::Write { body: |number, _| fixture::draft(number), send: create_each },
    },
    Operation {
        name: "create, 16 writers",
        on_memory: Free,
        on_redb: Times(2.0),
        work: Work::Write {
            body: |number, _| fixture::draft(number),
            send: |subject, bodies| write_in_parallel(subject, bodies, 16),
        },
    },
    Operation {
        name: "bulk of 100",
        on_memory: Times(10.0),
        on_redb: Times(2.0),
        work: Work::Write {
            // Each takes a hundred numbers, far from those that others take one by one.
            body: |number, _| fixture::bulk((1 << 40) + number * 100, 100),
            send: |subject, bodies| {
                bodies.iter().for_each(|body| {
                    subject.bulk(body);
                })
            },
        },
    },
    Operation {
        name: "upsert",
        on_memory: Free,
        on_redb: Times(0.7),
        work: Work::Write {
            body: fixture::changed,
            send: |subject, bodies| {
                let mut out = Vec::with_capacity(1_024);
                for body in bodies {
                    out.clear();
                    subject.upsert(body, &mut out);
                }
            },
        },
    },
];

/// Against SQLite that leaves its commits to the operating system.
pub const NOT_DURABLE: Operation = Operation {
    name: "create, not durable",
    on_memory: Times(15.0),
    on_redb: Free,
    work: Work::Write { body: |number, _| fixture::draft(number), send: create_each },
};

fn create_each(subject: &dyn Subject, bodies: &[String]) {
    let mut out = Vec::with_capacity(1_024);
    for body in bodies {
        out.clear();
        subject.create(body, &mut out);
    }
}
