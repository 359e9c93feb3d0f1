//! The signatures of tokens: HMAC-SHA-256 of the crates that core signs webhooks with, as the provider that
//! `jsonwebtoken` asks. Its own providers bring a whole cryptographic library for the one algorithm that is used here.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error as SignatureError, Signer, Verifier},
};
use sha2::Sha256;

/// Signs and verifies with HMAC-SHA-256 (`HS256` of RFC 7518), and refuses all other algorithms.
static HS256: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this the process's provider. A host that has installed one keeps its own.
pub(crate) fn install() {
    let _ = HS256.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?))
}

/// HMAC-SHA-256 under one key.
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        if algorithm != Algorithm::HS256 {
            let text =
                format!("{algorithm:?} is not HS256: a host that needs it installs a provider of its own");
            return Err(ErrorKind::Provider(text).into());
        }
        let mac = Hmac::new_from_slice(key).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Self(mac))
    }

    fn mac_of(&self, message: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(message)
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.mac_of(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// Compares in constant time.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        self.mac_of(message).verify_slice(signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::crypto::{sign, verify};

    use super::*;

    /// The example of RFC 7515, A.1.
    const MESSAGE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==";
    const SIGNATURE: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn keys() -> (EncodingKey, DecodingKey) {
        install();
        let key = EncodingKey::from_urlsafe_base64_secret(KEY).unwrap();
        let same = DecodingKey::from_secret(key.as_bytes());
        (key, same)
    }

    #[test]
    fn the_example_of_the_standard_has_its_signature() {
        let (signing, verifying) = keys();
        assert_eq!(sign(MESSAGE.as_bytes(), &signing, Algorithm::HS256).unwrap(), SIGNATURE);
        assert!(verify(SIGNATURE, MESSAGE.as_bytes(), &verifying, Algorithm::HS256).unwrap());
    }

    #[test]
    fn another_message_or_a_part_of_the_signature_does_not_verify() {
        let (_, verifying) = keys();
        let verifies = |signature, message: &str| {
            verify(signature, message.as_bytes(), &verifying, Algorithm::HS256).unwrap()
        };
        assert!(!verifies(SIGNATURE, &MESSAGE.replace("joe", "jon").to_lowercase()));
        assert!(!verifies("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOE", MESSAGE));
        assert!(!verifies("", MESSAGE));
    }

    #[test]
    fn another_algorithm_is_refused_by_name() {
        let (signing, verifying) = keys();
        let error = sign(b"", &signing, Algorithm::HS512).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Custom provider error: HS512 is not HS256: a host that needs it installs a provider of its own"
        );
        assert!(verify("", b"", &verifying, Algorithm::HS384).is_err());
    }
}
