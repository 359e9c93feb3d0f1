//! Keys and secrets that have leaked, and keys that were never made.

use serde_json::{Value, json};

use crate::{
    attack::{Attack, Figure, On, Outcome, Stop},
    client::Ask,
    data::id,
    ground::Ground,
    guessing::User,
};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        name: "leaked-secret",
        what: "a token whose secret has leaked, after two rotations and after one at once",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(leaked_secret(ground)),
    },
    Attack {
        name: "revived-key",
        what: "a revoked key is made active again",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(revived_key(ground)),
    },
    Attack {
        name: "silent-command",
        what: "the settings of a tenant are changed on the command line, and the audit trail is read",
        section: 3,
        on: On::Both,
        run: |ground| Box::pin(silent_command(ground)),
    },
];

/// A token made before an earlier program was stopped must not open the tenant once its secret is thrown away.
async fn leaked_secret(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let mut server = ground.launch(&place).start().await?;
    let user = User::make(&server, "ada").await?;
    let token = format!("Bearer {}", user.token(&server).await?);
    server.stop().await?;
    ground.run_on(&place, &["secrets", "rotate"])?;
    ground.run_on(&place, &["secrets", "rotate"])?;
    let mut server = ground.launch(&place).start().await?;
    let mut leaked = server.anyone().header("authorization", &token);
    let status = leaked.status(Ask::get("/api/v1/auth/me")).await;
    let mut figures = vec![Figure::count("status after two rotations", status.into(), "")];
    server.stop().await?;
    if ground.run_on(&place, &["secrets", "rotate", "--now"]).is_err() {
        let missing = Figure::new("status after rotate --now", f64::INFINITY, "").one_of(&[401.0]);
        figures.push(missing.note("no --now"));
        return Ok(figures);
    }
    let mut server = ground.launch(&place).start().await?;
    let mut leaked = server.anyone().header("authorization", &token);
    let status = leaked.status(Ask::get("/api/v1/auth/me")).await;
    figures.push(Figure::count("status after rotate --now", status.into(), "").one_of(&[401.0]));
    server.stop().await?;
    Ok(figures)
}

async fn revived_key(ground: &Ground) -> Outcome {
    let server = ground.fresh_server().await?;
    let mut admin = server.admin("acme")?;
    let key = json!({"name": "leaked", "scopes": "read"});
    let made = admin.done(Ask::post("/api/v1/api-keys", &key)).await?;
    let text = made.get("key").and_then(Value::as_str).ok_or_else(|| Stop::failed("no key"))?;
    let path = format!("/api/v1/api-keys/{}", id(&made)?);
    admin.done(Ask::patch(path.as_str(), &json!({"isActive": false}))).await?;
    let revived = admin.status(Ask::patch(path.as_str(), &json!({"isActive": true}))).await;
    let used = server.anyone().key(text).status(Ask::get("/api/v1/contacts")).await;
    Ok(vec![
        Figure::count("status of the revival", revived.into(), "").one_of(&[400.0]),
        Figure::count("status of the key", used.into(), "").one_of(&[401.0]),
    ])
}

async fn silent_command(ground: &Ground) -> Outcome {
    let place = ground.fresh()?;
    let mut server = ground.launch(&place).start().await?;
    let key = server.key("acme")?.to_owned();
    let trail = Ask::get("/api/v1/audit?limit=100");
    let before = server.anyone().key(&key).done(trail.clone()).await?;
    server.stop().await?;
    ground.run_on(&place, &["tenants", "set", "acme", "--rate-limit", "5000"])?;
    let mut server = ground.launch(&place).start().await?;
    let after = server.anyone().key(&key).done(trail).await?;
    server.stop().await?;
    let entries = |trail: &Value| trail.as_array().map_or(0, Vec::len);
    let more = entries(&after).saturating_sub(entries(&before));
    Ok(vec![Figure::count("new entries in the audit trail", more, "").at_least(1.0)])
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    // Without randomness all made-up keys are one, which is made up as well.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// The letters of keys.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key with right check digits, of a tenant and with an id that there never were.
pub(crate) fn made_up_key() -> String {
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 62)).map_or('0', |letter| char::from(*letter));
    let letters = |bytes: &[u8]| bytes.iter().map(letter).collect::<String>();
    // Ids begin with 0, as 22 letters can say more than an id has bits.
    let [secret, tenant, key] = [random(), random(), random()];
    let id = |bytes: &[u8]| format!("0{}", letters(bytes.get(..21).unwrap_or_default()));
    let body = format!("rk_live_{}{}{}", letters(&secret), id(&tenant), id(&key));
    let mut check = [0; 6];
    let mut sum = crc32fast::hash(body.as_bytes());
    for place in check.iter_mut().rev() {
        *place = u8::try_from(sum % 62).unwrap_or_default();
        sum /= 62;
    }
    format!("{body}{}", letters(&check))
}
