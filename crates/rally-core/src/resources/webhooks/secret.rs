//! Secrets of webhooks. They are stored as they are: signing needs them, and their owner reads them at any time.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    base::{Entropy, invariant},
    store::StoreError,
};

const PREFIX: &str = "whsec_";

/// A new secret: `whsec_` and 32 random bytes as Base64.
pub(super) fn new(entropy: &dyn Entropy) -> String {
    let mut key = [0; 32];
    entropy.fill(&mut key);
    format!("{PREFIX}{}", STANDARD.encode(key))
}

/// The header `webhook-signature`: a signature by each secret, as Standard Webhooks 1.0 has it.
pub(super) fn sign(secrets: &[String], id: &str, seconds: i64, body: &[u8]) -> Result<String, StoreError> {
    let signed: Result<Vec<String>, StoreError> = secrets
        .iter()
        .map(|secret| {
            let mut mac: Hmac<Sha256> =
                invariant(Hmac::new_from_slice(&key(secret)?).ok(), "HMAC takes a key of any length");
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        })
        .collect();
    Ok(signed?.join(" "))
}

fn key(secret: &str) -> Result<Vec<u8>, StoreError> {
    let key = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    key.ok_or_else(|| StoreError::Corrupt { what: "the secret of a webhook".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example of the specification's reference libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let body = br#"{"test": 2432232314}"#;
        let signed =
            sign(std::slice::from_ref(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two =
            sign(&[secret.clone(), secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(two, format!("{signed} {signed}"));
    }

    #[test]
    fn a_damaged_secret_signs_nothing() {
        assert!(sign(&["secret".to_owned()], "id", 0, b"").is_err());
    }
}
