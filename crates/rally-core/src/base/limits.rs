//! Every limit of the engine, in one table.
//!
//! Lengths of text count Unicode scalar values, sizes count bytes of UTF-8.

/// Default and maximum number of records in a page.
pub const PAGE: usize = 100;
/// Items of one bulk request.
pub const BULK_ITEMS: usize = 100;
/// Entries of one page of the change feed.
pub const FEED_PAGE: usize = 1_000;
/// Characters of a name or another short member.
pub const SHORT_TEXT: usize = 255;
/// Characters of an e-mail address (RFC 5321, path length less its brackets).
pub const EMAIL: usize = 254;
/// Bytes of the part of an e-mail address before the `@` (RFC 5321, in UTF-8 as RFC 6531 has it).
pub const EMAIL_LOCAL_BYTES: usize = 64;
/// Characters of a URL.
pub const URL: usize = 2_048;
/// Bytes of notes, a body or a description.
pub const LONG_TEXT_BYTES: usize = 65_536;
/// Tags on one record.
pub const TAGS: usize = 50;
/// Characters of one tag.
pub const TAG: usize = 64;
/// Stages of a pipeline.
pub const STAGES: usize = 50;
/// The greatest value of a member that counts something.
pub const COUNT: i64 = 1_000_000_000_000;
/// The most references that deleting a record within a host's transaction clears.
pub const LINKS: usize = 50_000;
/// References that a deletion changes in its own transaction.
pub const LINKS_AT_ONCE: usize = 1_000;
/// References that a deletion of more changes in each transaction before it: some milliseconds' work, for which others wait.
pub const LINKS_PER_STEP: usize = 250;
/// Bytes of the records with these references, above which a transaction changes no more.
pub const LINK_BYTES_AT_ONCE: usize = 4 << 20;
/// Transactions of one deletion.
pub const DELETION_STEPS: usize = 10_000;
/// Characters of a domain, without a final dot (RFC 1035).
pub const DOMAIN: usize = 253;
/// The fewest characters of a password.
pub const PASSWORD_MIN: usize = 12;
/// The most characters of a password: enough for any phrase, and hashing it stays cheap.
pub const PASSWORD_MAX: usize = 128;
/// Passwords that are hashed at once. Each takes 19 MiB, and a processor for some tens of milliseconds.
pub const PASSWORDS_AT_ONCE: usize = 16;
/// Significant digits of a decimal number, and the most that can follow its point.
pub const DECIMAL_DIGITS: usize = 28;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY: usize = 255;
/// Hours for which the answer to an idempotency key is kept.
pub const IDEMPOTENCY_HOURS: i64 = 24;
/// Characters of a tenant's slug: one DNS label (RFC 1035).
pub const SLUG: usize = 63;
/// Entries of one hour in a tenant's audit trail for logins that have succeeded: one for each source and user.
pub const LOGINS_NOTED_PER_HOUR: u32 = 1_000;
/// Entries of one hour in a tenant's audit trail for logins that have failed: one for each source and address tried.
pub const FAILED_LOGINS_NOTED_PER_HOUR: u32 = 100;
/// Days for which entries for logins are kept.
pub const LOGINS_NOTED_DAYS: u32 = 90;
/// Requests a minute of a tenant without a setting of its own.
pub const REQUESTS_PER_MINUTE: u32 = 1_000;
/// Seconds for which a token opens a session.
pub const TOKEN_SECONDS: i64 = 3_600;
/// Seconds by which the clock of the server that made a token may be ahead of that of the server that reads it.
pub const TOKEN_CLOCK_SECONDS: i64 = 60;
/// Webhooks of a tenant.
pub const WEBHOOKS: usize = 50;
/// Bytes of an event's body with the record in it; a longer one leads to the record by its URL.
pub const EVENT_BYTES: usize = 256 << 10;
/// Rows of events and deliveries that a transaction makes; those of further events are made afterwards.
pub const EVENT_ROWS_AT_ONCE: usize = 10_000;
/// Bytes of events' bodies that a transaction makes; further ones are made afterwards.
pub const EVENT_BYTES_AT_ONCE: usize = 8 << 20;
/// Days for which events and their deliveries are kept.
pub const EVENT_DAYS: i64 = 30;
/// Bytes of a receiver's answer that are kept with a delivery.
pub const ANSWER_BYTES: usize = 1 << 10;
/// Secrets of a webhook that sign at the same time.
pub const WEBHOOK_SECRETS: usize = 5;
/// Rows that are read to tell what waits to be delivered, of all tenants together.
pub const OUTBOX_FIGURES_ROWS: usize = 10_000;
/// Hours for which a secret that was replaced may go on signing.
pub const GRACE_HOURS: u16 = 168;
/// Attempts of a delivery: the first, and one for each delay of the plan.
pub const DELIVERY_ATTEMPTS: u32 = 10;
/// Tenants and kinds for which an engine remembers the number of the next record.
pub const EXPECTED_NUMBERS: usize = 100_000;
/// Failures in a row, within a minute, that open a webhook's breaker.
pub const BREAKER_FAILURES: usize = 10;
/// Days of failures without a success that switch a webhook off.
pub const FAILING_DAYS: i64 = 5;
/// Rows that an import applies in one transaction.
pub const IMPORT_ROWS_AT_ONCE: usize = 1_000;
/// Bytes of the rows of one transaction of an import, beyond which the next one begins.
pub const IMPORT_BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
/// Bytes of one row of a CSV file.
pub const IMPORT_ROW_BYTES: usize = 4 * 1024 * 1024;
/// Columns of a file that is imported.
pub const IMPORT_COLUMNS: usize = 1_000;
/// Refused rows that the report of an import tells.
pub const IMPORT_ERRORS: usize = 1_000;
/// Bytes of the reason of a refused row.
pub const IMPORT_REASON_BYTES: usize = 400;
/// Records whose names begin like the one that a row refers to, beyond which nobody looks on.
pub const NAMES_LOOKED_AT: usize = 10_000;
/// Bytes that an import would change which changes nothing.
pub const DRY_RUN_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of these that are kept in memory, where there is another place for more.
pub const DRY_RUN_MEMORY_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of a workbook that is imported.
pub const WORKBOOK_BYTES: u64 = 64 * 1024 * 1024;
/// Files in the archive that a workbook is.
pub const WORKBOOK_ENTRIES: usize = 2_000;
/// Bytes of all files of a workbook when they are inflated.
pub const WORKBOOK_INFLATED_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of a file of a workbook when it is inflated, for each that it has in the archive.
pub const WORKBOOK_RATIO: u64 = 200;
/// Cells of all sheets of a workbook.
pub const WORKBOOK_CELLS: u64 = 30_000_000;
/// Formulas of a sheet whose value the workbook does not keep.
pub const WORKBOOK_UNKEPT_FORMULAS: usize = 100_000;
/// Entries of a workbook's table of shared strings.
pub const WORKBOOK_SHARED_STRINGS: u64 = 1_000_000;
/// Bytes of the parts of a workbook that are kept in memory while a sheet is read.
pub const WORKBOOK_KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of one tag of a workbook's XML, or of the text between two.
pub const WORKBOOK_PIECE_BYTES: usize = 1024 * 1024;
/// Rows of a sheet of a workbook.
pub const SHEET_ROWS: u32 = 1_048_576;
/// UTF-16 units of the text of a workbook's cell.
pub const CELL_UNITS: usize = 32_767;
/// Bytes of a block of a tenant's file, at most.
pub const TENANT_FILE_BLOCK_BYTES: usize = 32 << 20;
/// Bytes of rows above which a block of a tenant's file is closed. A block is written to a store at once.
pub const TENANT_FILE_ROWS_AT_ONCE: usize = 512 << 10;
/// Damages of one tenant that a check of its store tells.
pub const DAMAGES_TOLD: usize = 100;
/// Seconds by which the clocks of two machines may be apart.
pub const CLOCKS_APART_SECONDS: i64 = 120;
/// A number that no change has, which a reader may go on behind to hear of the feed's end alone. The API takes no greater one.
pub const FEED_END: u64 = i64::MAX.unsigned_abs();
/// Breaks of a feed that are told apart; of more, the two oldest count as one that is as long as both and what is between.
pub const FEED_BREAKS: usize = 16;
/// Numbers of tenants that an imported one may pass over to keep its id.
pub const NUMBERS_PASSED_OVER: u64 = 100_000;
