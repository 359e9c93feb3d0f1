//! Bytes of a file that have changed while no server had it open.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    attack::{Attack, Figure, On, Outcome, Stop},
    client::{Ask, Client},
    data::{bulks, contacts},
    flood::{Flood, send_all},
    ground::{Ground, Place},
    server::Server,
};

pub(crate) const ATTACKS: &[Attack] = &[Attack {
    name: "flipped-bytes",
    what: "one byte of a cleanly closed file is changed; answers that are wrong, not refused",
    section: 4,
    on: On::Redb,
    run: |ground| Box::pin(flipped_bytes(ground)),
}];

/// Contacts of the file, which is small enough to be read wholly after each change.
const CONTACTS: usize = 400;

/// The answers to all questions.
type Answers = BTreeMap<String, (u16, Vec<u8>)>;

#[derive(Default)]
struct Tally {
    refused_start: usize,
    noticed: usize,
    harmless: usize,
    wrong: usize,
}

async fn flipped_bytes(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let file = place.file().ok_or_else(|| Stop::not_there("no file"))?;
    let mut server = ground.launch(&place).start().await?;
    let key = fill(ground, &server).await?;
    let whole = answers(&mut server.anyone().key(&key)).await?;
    server.stop().await?;
    let bytes = fs::read(&file)?;
    let places = places(&bytes, ground.arguments.tries);
    let mut tally = Tally::default();
    for at in places {
        let mut changed = bytes.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 0x10;
        }
        look(ground, &changed, &key, &whole, &mut tally).await?;
    }
    let Tally { refused_start, noticed, harmless, wrong } = tally;
    let told = format!("{refused_start} starts refused, {noticed} answered as damage, {harmless} harmless");
    Ok(vec![Figure::count("wrong answers", wrong, "files").at_most(0.0).note(told)])
}

async fn fill(ground: &Ground, server: &Server) -> Result<String, Stop> {
    let key = server.key("acme")?.to_owned();
    let flood = Flood { address: server.address, key: key.clone(), connections: 4 };
    let mut records = contacts(&ground.arguments.data, CONTACTS)?;
    records.truncate(CONTACTS);
    send_all(&flood, bulks("/api/v1/contacts/bulk", &records)).await?;
    Ok(key)
}

/// Places of a file that hold something, spread evenly over all of these.
fn places(bytes: &[u8], wanted: usize) -> Vec<usize> {
    let used: Vec<usize> =
        (4096..bytes.len()).filter(|at| bytes.get(*at).is_some_and(|byte| *byte != 0)).collect();
    let step = (used.len() / wanted.max(1)).max(1);
    used.into_iter().skip(step / 2).step_by(step).take(wanted).collect()
}

/// Opens a changed file, and compares what it answers.
async fn look(
    ground: &Ground,
    bytes: &[u8],
    key: &str,
    whole: &Answers,
    tally: &mut Tally,
) -> Result<(), Stop> {
    let folder = ground.folder("changed")?;
    let file = folder.join("rally.redb");
    fs::write(&file, bytes)?;
    match ground.launch(&Place::redb(&file)).start().await {
        Err(_) => tally.refused_start += 1,
        Ok(mut server) => {
            // An answer that does not come is no wrong one.
            let answers = answers(&mut server.anyone().key(key)).await.unwrap_or_default();
            tally.count(&answers, whole);
            server.kill().await?;
        }
    }
    remove(&folder)
}

fn remove(folder: &Path) -> Result<(), Stop> {
    Ok(fs::remove_dir_all(folder)?)
}

impl Tally {
    fn count(&mut self, answers: &Answers, whole: &Answers) {
        let same = answers == whole;
        let refused =
            |path: &String| answers.get(path).is_none_or(|(status, _)| *status == 0 || *status >= 500);
        let wrong = whole.iter().any(|(path, answer)| !refused(path) && answers.get(path) != Some(answer));
        match (same, wrong) {
            (true, _) => self.harmless += 1,
            (_, true) => self.wrong += 1,
            _ => self.noticed += 1,
        }
    }
}

/// All records, by the list, by the feed, by filters, by searches, and some by themselves.
async fn answers(client: &mut Client) -> Result<Answers, Stop> {
    let mut asked: Vec<String> = (0..CONTACTS)
        .step_by(100)
        .map(|offset| format!("/api/v1/contacts?offset={offset}&count=true"))
        .collect();
    asked.push("/api/v1/sync/changes?since=2000-01-01&limit=1000".to_owned());
    for state in
        ["q=a", "q=m", "q=s", "tag=sen", "tag=rep", "leadSource=public%20record", "lifecycleStage=lead"]
    {
        asked.push(format!("/api/v1/contacts?{state}&count=true"));
    }
    for path in ["pipelines", "users", "settings", "api-keys?fields=id,name,scopes,isActive"] {
        asked.push(format!("/api/v1/{path}"));
    }
    let mut answers = Answers::new();
    for path in asked {
        let answer = client.ask(Ask::get(path.as_str())).await;
        let answer = answer.map_or((0, Vec::new()), |answer| (answer.status.as_u16(), answer.body.to_vec()));
        answers.insert(path, answer);
    }
    Ok(answers)
}
