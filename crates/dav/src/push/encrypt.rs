//! Messages that push services cannot read (RFC 8291, RFC 8188).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

/// RFC 8291 §4: one record holds all of it.
const RECORD_BYTES: u32 = 4096;
/// RFC 8188 §2: the padding delimiter of the last record.
const LAST: u8 = 2;

/// The length of HKDF output to derive, in bytes.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// Encrypts for who has the key. `None` where the key is no point of P-256, or the library fails.
pub(crate) fn encrypt(plain: &[u8], public_key: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let own = PrivateKey::generate(&ECDH_P256).ok()?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    encrypt_with(plain, public_key, secret, &own, salt).ok()
}

fn encrypt_with(
    plain: &[u8],
    public_key: &[u8],
    secret: &[u8],
    own: &PrivateKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, Unspecified> {
    let own_public = own.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, public_key);
    let shared = agree(own, theirs, Unspecified, |shared| Ok(shared.to_vec()))?;
    // RFC 8291 §3.4.
    let info: [&[u8]; 3] = [b"WebPush: info\0", public_key, own_public.as_ref()];
    let mut material = [0; 32];
    expand(secret, &shared, &info, &mut material)?;
    // RFC 8188 §2.2, §2.3.
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    expand(&salt, &material, &[b"Content-Encoding: aes128gcm\0"], &mut key)?;
    expand(&salt, &material, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    let mut record = plain.to_vec();
    record.push(LAST);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;
    if record.len() > RECORD_BYTES as usize {
        return Err(Unspecified);
    }
    // RFC 8188 §2.1: salt, size of records, the key by which it is known.
    let mut message = salt.to_vec();
    message.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    message.push(u8::try_from(own_public.as_ref().len()).map_err(|_| Unspecified)?);
    message.extend_from_slice(own_public.as_ref());
    message.append(&mut record);
    Ok(message)
}

/// RFC 5869 §2: extract and expand.
fn expand(salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), Unspecified> {
    let key = Salt::new(HKDF_SHA256, salt).extract(secret);
    key.expand(info, Bytes(out.len()))?.fill(out)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn the_example_of_rfc_8291_section_5() {
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let theirs = bytes(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let message = encrypt_with(
            b"When I grow up, I want to be a watermelon",
            &theirs,
            &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            &own,
            bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
        );
        let expect = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6\
                      e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZ\
                      wbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(message.unwrap()), expect);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(encrypt(b"a", &[4; 65], &[0; 16]).is_none());
        assert!(encrypt(b"a", &[], &[0; 16]).is_none());
    }
}
