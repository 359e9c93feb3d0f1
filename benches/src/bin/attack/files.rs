//! The file of a store: who may read it, and what becomes of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::json;
use tokio::{
    io::AsyncReadExt,
    time::{sleep, timeout},
};

use crate::{
    attack::{Attack, Figure, On, Outcome, Stop, number},
    client::{Ask, Client},
    data::id,
    ground::{Ground, Place},
    server::{Launch, Log, Server},
};

pub(crate) const ATTACKS: &[Attack] = &[
    on_redb("file-mode", "others' permissions on the store's file", |ground| Box::pin(file_mode(ground))),
    on_redb(
        "full-disk",
        "reads, deletions and writes on a full disk, and once there is space again",
        |ground| Box::pin(full_disk(ground)),
    ),
    on_redb(
        "killed-first-starts",
        "first starts that are killed within milliseconds, and the next ones",
        |ground| Box::pin(killed_first_starts(ground)),
    ),
    on_redb("first-starts-at-once", "eight servers start at once on a file that is not there", |ground| {
        Box::pin(first_starts_at_once(ground))
    }),
    on_redb("file-deleted", "writes to a file that was deleted", |ground| {
        Box::pin(taken_away(ground, |file| fs::remove_file(file)))
    }),
    on_redb("file-moved", "writes to a file that was moved", |ground| {
        Box::pin(taken_away(ground, |file| fs::rename(file, file.with_extension("moved"))))
    }),
    on_redb("file-replaced", "writes to a file that was replaced by a copy", |ground| {
        Box::pin(taken_away(ground, |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy)?;
            fs::rename(copy, file)
        }))
    }),
    on_redb("file-options", "the options for durability and for a check", |ground| Box::pin(options(ground))),
];

type Run = for<'a> fn(&'a Ground) -> crate::attack::Running<'a>;

const fn on_redb(name: &'static str, what: &'static str, run: Run) -> Attack {
    Attack { name, what, section: 4, on: On::Redb, run }
}

async fn file_mode(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let mut server = ground.launch(&place).start().await?;
    let file = file(&place)?;
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    let open = usize::try_from((mode & 0o077).count_ones())?;
    let figure = Figure::count("permissions of others", open, "bits").at_most(0.0);
    server.stop().await?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let log = ground.folder("log")?.join("log");
    let mut server = Launch { log: Log::File(log.clone()), ..ground.launch(&place) }.start().await?;
    server.stop().await?;
    let warnings = fs::read_to_string(log)?.matches("WARN").count();
    let warned = Figure::count("warnings of a file that others can read", warnings, "").at_least(1.0);
    Ok(vec![figure.note(format!("mode {mode:o}")), warned])
}

fn file(place: &Place) -> Result<PathBuf, Stop> {
    place.file().ok_or_else(|| Stop::not_there("no file"))
}

/// A small disk in memory. It is gone when it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: PathBuf, size: &str) -> Result<Self, Stop> {
        let options = Some(format!("size={size}"));
        let mounted =
            mount(Some("rally-attack"), &folder, Some("tmpfs"), MsFlags::empty(), options.as_deref());
        match mounted {
            Ok(()) => Ok(Self(folder)),
            Err(error) => Err(Stop::not_there(format!("cannot mount a small disk: {error}; root can"))),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It goes at once, and for those who still have files on it when they close them.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

async fn full_disk(ground: &Ground) -> Outcome {
    let disk = Disk::mount(ground.folder("disk")?, "48m")?;
    let filler = disk.0.join("filler");
    fs::write(&filler, vec![1; 12 << 20])?;
    let server = ground.launch(&Place::redb(&disk.0.join("rally.redb"))).start().await?;
    let mut admin = server.admin("acme")?;
    let made = write_until_full(&mut admin).await;
    // What is left of the disk goes, too.
    let _ = fs::write(disk.0.join("rest"), vec![1; 48 << 20]);
    let more = write_until_full(&mut admin).await;
    let told = format!("{} writes before", made.len() + more.len());
    let (mut reads, mut deletions) = (0, 0);
    for id in made.iter().take(20) {
        let path = format!("/api/v1/companies/{id}");
        reads += usize::from(admin.status(Ask::get(path.as_str())).await == 200);
        deletions += usize::from(admin.status(Ask::delete(path)).await == 200);
        sleep(Duration::from_millis(20)).await;
    }
    fs::remove_file(filler)?;
    let _ = fs::remove_file(disk.0.join("rest"));
    let start = Instant::now();
    let mut written = false;
    while !written && start.elapsed() < Duration::from_secs(5) {
        written = write(&mut admin, 1 << 20).await.is_some();
        sleep(Duration::from_millis(50)).await;
    }
    let after = if written { start.elapsed().as_secs_f64() } else { f64::INFINITY };
    Ok(vec![
        Figure::count("reads answered", reads, "of 20").at_least(20.0).note(told),
        Figure::count("deletions answered", deletions, "of 20").at_least(20.0),
        Figure::new("a write after there is space", after, "s").at_most(5.0),
    ])
}

/// Writes until three writes in a row fail, and gives the ids of the records.
async fn write_until_full(admin: &mut Client) -> Vec<String> {
    let (mut made, mut failures) = (Vec::new(), 0);
    while failures < 3 && made.len() < 5000 {
        match write(admin, made.len()).await {
            Some(id) => {
                made.push(id);
                failures = 0;
            }
            None => failures += 1,
        }
    }
    made
}

/// Creates a company with long notes.
async fn write(admin: &mut Client, number: usize) -> Option<String> {
    let notes = format!("{number} {}", "notes ".repeat(8000));
    let body = json!({"name": format!("Looms {number}"), "notes": notes});
    let answer = admin.ask(Ask::post("/api/v1/companies", &body)).await.ok()?;
    if answer.status != 201 {
        return None;
    }
    id(&answer.json().ok()?).ok()
}

async fn killed_first_starts(ground: &Ground) -> Outcome {
    let tries = ground.arguments.tries;
    let (mut refused, mut told) = (0, String::new());
    for number in 0..tries {
        let place = ground.fresh()?;
        let launch = ground.launch(&place);
        let mut child = launch.spawn()?;
        let after = Duration::from_micros(500 * u64::try_from(number % 60)?);
        sleep(after).await;
        child.kill().await?;
        match launch.start().await {
            Ok(mut server) => server.kill().await?,
            Err(stop) => {
                refused += 1;
                told = stop.to_string().chars().take(120).collect();
            }
        }
        fs::remove_dir_all(file(&place)?.parent().unwrap_or(Path::new("")))?;
    }
    Ok(vec![Figure::count(format!("refused of {tries}"), refused, "").at_most(0.0).note(told)])
}

async fn first_starts_at_once(ground: &Ground) -> Outcome {
    let (mut with_one, mut told_to_delete) = (0, 0);
    let rounds = 10;
    for _ in 0..rounds {
        let place = ground.fresh()?;
        let folder = ground.folder("starts")?;
        let launch = |number: usize| Launch {
            log: Log::File(folder.join(number.to_string())),
            ..ground.launch(&place)
        };
        let launches: Vec<Launch> = (0..8).map(launch).collect();
        let started = join_all(launches.iter().map(Launch::start)).await;
        let servers: Vec<Server> = started.into_iter().flatten().collect();
        with_one += usize::from(servers.len() == 1);
        let logs = launches.iter().map(|launch| match &launch.log {
            Log::File(path) => fs::read_to_string(path).unwrap_or_default().to_lowercase(),
            _ => String::new(),
        });
        told_to_delete +=
            logs.filter(|log| ["delete", "remove it"].iter().any(|word| log.contains(word))).count();
    }
    Ok(vec![
        Figure::count("rounds with one winner", with_one, "of 10").at_least(number(rounds)),
        Figure::count("losers told to delete the file", told_to_delete, "").at_most(0.0),
    ])
}

async fn taken_away(ground: &Ground, take: impl FnOnce(&Path) -> std::io::Result<()>) -> Outcome {
    let place = ground.fresh()?;
    let mut server = ground.launch(&place).start().await?;
    let mut admin = server.admin("acme")?;
    admin.done(Ask::post("/api/v1/companies", &json!({"name": "Before"}))).await?;
    take(&file(&place)?)?;
    sleep(Duration::from_millis(1200)).await;
    let mut acknowledged = 0;
    for number in 0..30 {
        let body = json!({"name": format!("After {number}")});
        acknowledged += usize::from(admin.status(Ask::post("/api/v1/companies", &body)).await == 201);
    }
    let ready = server.anyone().status(Ask::get("/readyz")).await;
    server.kill().await?;
    Ok(vec![
        Figure::count("writes acknowledged after a second", acknowledged, "of 30").at_most(0.0),
        Figure::count("/readyz", ready.into(), "").one_of(&[503.0]),
    ])
}

async fn options(ground: &Ground) -> Outcome {
    let options = ["--durability", "--check"];
    let there = options.iter().filter(|option| ground.has(option)).count();
    let mut figures = vec![Figure::count("options there", there, "of 2").at_least(2.0)];
    if ground.has("--durability") {
        let mut child = ground.launch(&ground.fresh()?).with(&["--durability", "strict"]).spawn()?;
        let mut said = [0; 1];
        let read = async { child.stdout.as_mut()?.read(&mut said).await.ok() };
        let starts = timeout(Duration::from_secs(20), read).await.ok().flatten() == Some(1);
        figures.push(Figure::count("starts with strict durability", starts.into(), "").at_least(1.0));
    }
    Ok(figures)
}
