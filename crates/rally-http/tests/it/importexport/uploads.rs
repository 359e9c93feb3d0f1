use std::{path::PathBuf, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{
    FutureExt,
    stream::{self, StreamExt},
};
use insta::assert_snapshot;
use rally_http::{Config, FileOptions, limits, router};
use tower::ServiceExt;

use super::{FILE, check_refused, counts};
use crate::support::{Answer, Api, Ask, Setting};

fn with(files: FileOptions) -> Api {
    Api::with(Setting { http: Config { files, ..Config::default() }, ..Setting::default() })
}

/// A form of parts, each with the parameters of its disposition and its content.
fn form(parts: &[(&str, &str)]) -> String {
    let part = |(name, content): &(&str, &str)| {
        let head = "Content-Type: text/csv";
        format!("--b0undary\r\nContent-Disposition: form-data; {name}\r\n{head}\r\n\r\n{content}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--b0undary--\r\n"
}

fn send<'a>(api: &'a Api, body: impl Into<Body>) -> Ask<'a> {
    api.import("", body).header("Content-Type", "multipart/form-data; boundary=b0undary")
}

const NAMED: &str = "name=\"file\"; filename=\"people.csv\"";

#[test]
fn a_file_may_be_the_part_of_a_form_however_it_comes() {
    let whole = form(&[(NAMED, FILE)]);
    for size in [1, 7, whole.len()] {
        let api = Api::new();
        let pieces: Vec<_> = whole.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let report = send(&api, Body::from_stream(pieces)).send().is(200).value();
        assert_eq!(counts(&report), [2, 0, 0, 0], "{size}");
    }
    let api = Api::new();
    let preamble = format!("a preamble\r\n{}an epilogue", form(&[("name=file", FILE)]));
    assert_eq!(counts(&send(&api, preamble).send().is(200).value()), [2, 0, 0, 0]);
    assert_eq!(api.last_names(), ["Lovelace", "Hill"]);
}

#[test]
fn a_large_file_in_a_form_is_whole() {
    let api = Api::new();
    let mut file = "firstName,lastName,email,notes\n".to_owned();
    let notes = "--b0undar\r\n".repeat(50);
    for number in 0..1_500 {
        file.push_str(&format!("A,L{number},c{number}@x.example,\"{notes}\"\n"));
    }
    let report = send(&api, form(&[(NAMED, &file)])).send().is(200).value();
    assert_eq!(counts(&report), [1_500, 0, 0, 0]);
    let last = api.get("/api/v1/contacts?offset=1499").send().items().remove(0);
    assert_eq!(last["notes"], notes.trim_end());
}

#[test]
fn a_form_that_is_none_is_refused() {
    let api = Api::new();
    api.add("grace@x.example");
    let told = |body: String| {
        let before = api.exported("");
        let told = send(&api, body).send().told();
        assert_eq!(api.exported(""), before);
        told
    };
    assert_snapshot!(told(form(&[])), @"400 validation: file must be one part of the form, named file; there is none");
    assert_snapshot!(told(form(&[(NAMED, FILE), (NAMED, FILE)])), @"400 validation: file is given twice; send one file at a time");
    assert_snapshot!(told(form(&[("name=\"mode\"", "upsert"), (NAMED, FILE)])), @r#"400 validation: file must be the only part of the form, which has a part "mode"; parameters go into the query"#);
    assert_snapshot!(told(form(&[(NAMED, FILE), ("name=\"mode\"", "upsert")])), @r#"400 validation: file must be the only part of the form, which has a part "mode"; parameters go into the query"#);
    assert_snapshot!(told(form(&[("filename=\"a.csv\"", FILE)])), @"400 validation: file must be the only part of the form, which has a part without a name");
    let whole = form(&[(NAMED, FILE)]);
    assert_snapshot!(told(whole.replace("--b0undary--", "")), @"400 validation: file is in a form that ends before its last boundary; was all of it sent?");
    assert_snapshot!(told(whole.replace("--b0undary", "--another")), @"400 validation: file is in a form that ends before its last boundary; was all of it sent?");
    assert_snapshot!(told("x".repeat(limits::FORM_HEAD_BYTES + 1)), @"400 validation: file is in a form whose first boundary, or the end of a part's headers, does not come");
    assert_snapshot!(told(whole.replacen(": text/csv\r\n\r\n", &format!(": {}", "x".repeat(limits::FORM_HEAD_BYTES)), 1)), @"400 validation: file is in a form whose first boundary, or the end of a part's headers, does not come");
    assert_snapshot!(told(whole.replacen("Content-Disposition: ", "Content Disposition ", 1)), @"400 validation: file is in a form that is not well-formed (RFC 7578)");
    assert_snapshot!(told(String::new()), @"400 validation: file is in a form that ends before its last boundary; was all of it sent?");
    let unbounded = send(&api, whole).header("Content-Type", "multipart/form-data");
    assert_snapshot!(unbounded.send().told(), @"400 validation: the Content-Type of a form names the boundary between its parts: multipart/form-data; boundary=…");
}

#[test]
fn a_body_is_a_file_by_its_type_or_has_none() {
    let api = Api::new();
    let told = |kind: &str| api.import("", FILE).header("Content-Type", kind).send().told();
    assert_snapshot!(told("application/json"), @"415 unsupported_media_type: send the file as text/csv, as application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, or as the part file of multipart/form-data");
    assert_eq!(told("application/x-www-form-urlencoded"), told("application/json"));
    assert_eq!(told("multipart/mixed; boundary=b0undary"), told("application/json"));
    assert_snapshot!(api.import("", FILE).header("Content-Encoding", "gzip").send().told(), @"415 unsupported_media_type: send the body as it is, without a Content-Encoding other than identity");
    assert_eq!(api.last_names(), [""; 0]);
    let mut untyped = api.import("", FILE).into_request();
    untyped.headers_mut().remove("Content-Type");
    assert_eq!(counts(&api.answer(untyped).is(200).value()), [2, 0, 0, 0]);
}

#[test]
fn the_charset_of_a_type_counts_unless_it_is_utf_8() {
    for (kind, query, expected) in [
        ("text/csv; charset=utf-8", "", "ê"),
        ("text/csv; charset=iso-8859-5", "", "ъ"),
        ("text/csv; charset=iso-8859-5", "?charset=iso-8859-7", "κ"),
    ] {
        let api = Api::new();
        let file = [b"firstName,lastName,email\nA,", &[0xEA][..], b",a@x.example\n"].concat();
        api.import(query, file).header("Content-Type", kind).send().is(200);
        assert_eq!(api.last_names(), [expected], "{kind}");
    }
    let api = Api::new();
    let body = form(&[(NAMED, "firstName,lastName,email\nA,L,a@x.example\n")]);
    let body = body.replace("text/csv", "text/csv; charset=klingon");
    assert!(send(&api, body).send().told().starts_with("400 validation: charset "));
}

#[test]
fn a_body_has_at_most_so_many_bytes() {
    let small = || with(FileOptions { body_bytes: FILE.len(), ..FileOptions::default() });
    let too_large = format!("413 payload_too_large: the body must not be larger than {} bytes", FILE.len());
    let api = small();
    check_refused(&api, api.import("", format!("{FILE}\n")), &too_large);
    let pieces = [FILE, "\n"].map(|text| Ok::<_, std::io::Error>(Bytes::from(text)));
    check_refused(&api, api.import("", Body::from_stream(stream::iter(pieces))), &too_large);
    check_refused(&api, send(&api, form(&[(NAMED, "")])), &too_large);
    assert_eq!(counts(&api.import("", FILE).send().is(200).value()), [2, 0, 0, 0]);
    let api = Api::new();
    let beyond = (64 * 1024 * 1024 + 1).to_string();
    let expected = "413 payload_too_large: the body must not be larger than 67108864 bytes";
    check_refused(&api, api.import("", FILE).header("Content-Length", &beyond), expected);
}

#[test]
fn sixty_four_mebibytes_are_taken_and_one_byte_more_is_not() {
    let api = Api::new();
    // Rows without a value.
    let blank = ",,,\n".repeat(1 << 18);
    let piece = Bytes::from(blank.clone());
    let body = |last: &'static str| {
        let (_, rest) = blank.split_at(FILE.len());
        let first = Bytes::from(format!("{FILE}{rest}"));
        let pieces = vec![piece.clone(); 63];
        let all = [vec![first], pieces, vec![Bytes::from(last)]].concat();
        Body::from_stream(stream::iter(all.into_iter().map(Ok::<_, std::io::Error>)))
    };
    let expected = "413 payload_too_large: the body must not be larger than 67108864 bytes";
    check_refused(&api, api.import("", body("\n")), expected);
    assert_eq!(counts(&api.import("", body("")).send().is(200).value()), [2, 0, 0, 0]);
}

/// A body of which this comes, and no more.
fn beginning_with(bytes: &'static str) -> Body {
    Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]).chain(stream::pending()))
}

#[test]
fn a_file_that_comes_too_slowly_or_not_whole_is_given_up() {
    let api = with(FileOptions { body_timeout: Duration::from_millis(20), ..FileOptions::default() });
    let told = "400 validation: the body came too slowly; send 1024 bytes a second, and all within 0 seconds";
    check_refused(&api, api.import("", beginning_with(FILE)), told);
    check_refused(&api, send(&api, beginning_with("--b0undary\r\n")), told);
    let broken = [Ok(Bytes::from(FILE)), Err(std::io::Error::other("gone"))];
    let broken = Body::from_stream(stream::iter(broken));
    check_refused(&api, api.import("", broken), "400 validation: the body ended before it was whole");
}

#[test]
fn files_on_their_way_take_room_on_the_disk_before_they_are_read() {
    let files = FileOptions { disk_budget: 4_000, body_bytes: 1_000, ..FileOptions::default() };
    let api = Api::new();
    let router = router(api.engine.clone(), Config { files, ..Config::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let send =
        async |ask: Ask<'_>| Answer::of(router.clone().oneshot(ask.into_request()).await.unwrap()).await;
    runtime.block_on(async {
        let unfinished = api.import("", beginning_with("email")).header("Content-Length", "1000");
        let mut unfinished = Box::pin(router.clone().oneshot(unfinished.into_request()));
        // Until its body is waited for.
        let refused = loop {
            assert!((&mut unfinished).now_or_never().is_none());
            let answer = send(api.import("", "email\n")).await;
            if answer.status != 200 {
                break answer;
            }
        };
        assert_snapshot!(refused.told(), @"503 unavailable: too many bytes are on their way here; read what was answered, and try again");
        assert_eq!(refused.header("Retry-After"), "1");
        send(api.get("/api/v1/contacts")).await.is(200);
        send(api.import("", "email\n").key(&api.other)).await.is(200);
        drop(unfinished);
        send(api.import("", FILE)).await.is(200);
    });
}

#[test]
fn a_disk_that_takes_no_file_is_told_as_a_store_that_does_not_answer() {
    let folder = Some(PathBuf::from("/nonexistent"));
    let api = with(FileOptions { temporary_folder: folder, ..FileOptions::default() });
    let small = api.import("", FILE).send().is(200);
    assert_eq!(counts(&small.value()), [2, 0, 0, 0], "a small file stays in memory");
    let large = format!("{FILE}{}", "\n".repeat(300 << 10));
    let told = "503 unavailable: the file cannot be kept here at present; try again";
    assert_eq!(check_refused(&api, api.import("", large), told).header("Retry-After"), "1");
    assert_snapshot!(api.get(&super::path("export/excel")).send().told(), @"503 unavailable: the file could not be written to its end; try again");
}
