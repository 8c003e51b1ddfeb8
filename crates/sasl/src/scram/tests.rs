//! The RFCs' own exchanges, and everything that must end one.

use std::num::NonZeroU32;

use base64::Engine as _;

use super::*;
use crate::wire::BASE64;

/// One published exchange.
struct Example {
    hash: Hash,
    server_nonce: &'static str,
    salt: &'static str,
    first: &'static str,
    server_first: &'static str,
    last: &'static str,
    server_last: &'static str,
}

/// RFC 5802 §5: user `user`, password `pencil`.
const SHA1: Example = Example {
    hash: Hash::Sha1,
    server_nonce: "3rfcNHYJY1ZVvWVs7j",
    salt: "QSXCR+Q6sek8bf92",
    first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    last: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    server_last: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
};

/// RFC 7677 §3: the same.
const SHA256: Example = Example {
    hash: Hash::Sha256,
    server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                   s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    last: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
           p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    server_last: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

impl Example {
    fn verifiers(&self) -> Verifiers {
        let salt = BASE64.decode(self.salt).unwrap();
        let iterations = NonZeroU32::new(4096).unwrap();
        let of = |password: &str| ScramKeys::derive(self.hash, &password.into(), &salt, iterations);
        // The right one stands among others, as app passwords do.
        let keys = vec![of("ink"), of("pencil"), of("chalk")];
        Verifiers { salt, iterations: 4096, keys }
    }

    fn start(&self) -> Scram {
        let bindings = ChannelBindings::default();
        Scram::new(self.hash, false, false, bindings, self.server_nonce)
    }

    /// An exchange at the point where the client's last message is expected.
    fn started(&self) -> Scram {
        let mut scram = self.start();
        scram.step(Some(self.first.as_bytes()));
        scram.answer(Answer::Verifiers(self.verifiers()));
        scram
    }
}

fn challenge(text: &str) -> Step {
    Step::Challenge(text.as_bytes().to_vec())
}

#[test]
fn published_exchanges() {
    for example in [SHA1, SHA256] {
        let mut scram = example.start();
        assert_eq!(scram.step(None), Step::Challenge(Vec::new()));
        let identity =
            ScramIdentity { authzid: None, authcid: "user".to_owned(), hash: example.hash };
        let asked = scram.step(Some(example.first.as_bytes()));
        assert_eq!(asked, Step::Ask(Question::Scram(identity)));
        let first = scram.answer(Answer::Verifiers(example.verifiers()));
        assert_eq!(first, challenge(example.server_first));
        let proof = scram.step(Some(example.last.as_bytes()));
        assert_eq!(proof, Step::Ask(Question::Proof(Some(1))));
        assert_eq!(scram.answer(Answer::Accepted), challenge(example.server_last));
        assert_eq!(scram.step(Some(b"")), Step::Accepted);
        assert_eq!(scram.step(Some(b"")), Step::Failed(Failure::Malformed));
    }
}

#[test]
fn first_messages_that_end_it() {
    let long_name = format!("n,,n={},r=x", "n".repeat(513));
    let long_nonce = format!("n,,n=user,r={}", "r".repeat(257));
    let table: &[(&[u8], Failure)] = &[
        (b"", Failure::Malformed),
        (b"n", Failure::Malformed),
        (b"n,", Failure::Malformed),
        (b"n,,", Failure::Malformed),
        (b"n,,n=user", Failure::Malformed),
        (b"n,,r=x,n=user", Failure::Malformed),
        (b"n,,n=user,r=", Failure::Malformed),
        (b"n,,n=,r=x", Failure::Malformed),
        (b"N,,n=user,r=x", Failure::Malformed),
        (b"n,user,n=user,r=x", Failure::Malformed),
        (b"n,a=,n=user,r=x", Failure::Malformed),
        // RFC 5802 §5.1: extensions the client insists on.
        (b"n,,m=ext,n=user,r=x", Failure::Malformed),
        (b"n,,n=user,r=x,m=ext", Failure::Malformed),
        (b"n,,n=user,r=x,", Failure::Malformed),
        (b"n,,n=us=er,r=x", Failure::Malformed),
        (b"n,,n=us=2cer,r=x", Failure::Malformed),
        (b"n,,n=us=,r=x", Failure::Malformed),
        (b"n,,n=\xff,r=x", Failure::Malformed),
        (b"n,,n=a\0b,r=x", Failure::Malformed),
        // SASLprep forbids control characters, and maps the soft hyphen to nothing.
        (b"n,,n=a\x07b,r=x", Failure::Malformed),
        ("n,,n=\u{ad},r=x".as_bytes(), Failure::Malformed),
        (b"n,,n=user,r=x y", Failure::Malformed),
        ("n,,n=user,r=\u{e9}".as_bytes(), Failure::Malformed),
        (long_name.as_bytes(), Failure::TooLong),
        (long_nonce.as_bytes(), Failure::TooLong),
        (b"p=tls-exporter,,n=user,r=x", Failure::ChannelBinding),
    ];
    for (message, expect) in table {
        let step = SHA256.start().step(Some(message));
        assert_eq!(step, Step::Failed(*expect), "{}", message.escape_ascii());
    }
}

#[test]
fn names_are_decoded_and_prepared() {
    let table = [
        ("n,,n=a=2Cb=3Dc,r=x", None, "a,b=c"),
        ("n,a=boss=40x=3D,n=user,r=x", None, ""),
        ("n,a=boss@x,n=user,r=x,z=ignored", Some("boss@x"), "user"),
        // RFC 4013 §3: a soft hyphen goes, a ligature becomes letters.
        ("n,,n=I\u{ad}X,r=x", None, "IX"),
        ("n,,n=\u{2168},r=x", None, "IX"),
    ];
    for (message, authzid, authcid) in table {
        let expect = match authcid {
            "" => Step::Failed(Failure::Malformed),
            name => Step::Ask(Question::Scram(ScramIdentity {
                authzid: authzid.map(str::to_owned),
                authcid: name.to_owned(),
                hash: Hash::Sha256,
            })),
        };
        assert_eq!(SHA256.start().step(Some(message.as_bytes())), expect, "{message}");
    }
}

#[test]
fn last_messages_that_end_it() {
    let last = SHA256.last;
    let table = [
        (String::new(), Failure::Malformed),
        (last.replace("c=biws,", ""), Failure::Malformed),
        (last.replace("c=biws", "c=!"), Failure::Malformed),
        // `y,,` in place of `n,,`.
        (last.replace("c=biws", "c=eSws"), Failure::ChannelBinding),
        (last.replace("c=biws", "c="), Failure::ChannelBinding),
        (last.replace("$k0", "$k1"), Failure::Malformed),
        (last.replace("r=rOpr", "r="), Failure::Malformed),
        (last.replace(",p=", ",m=x,p="), Failure::Malformed),
        (last.replace(",p=", ",q="), Failure::Malformed),
        (last.replace(",p=", ",p=*"), Failure::Malformed),
    ];
    for (message, expect) in table {
        let step = SHA256.started().step(Some(message.as_bytes()));
        assert_eq!(step, Step::Failed(expect), "{message}");
    }
}

#[test]
fn wrong_proofs() {
    let wrong = [
        SHA256.last.replace("p=dHzb", "p=dHzc"),
        SHA256.last.replace("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "p="),
        SHA256.last.replace("p=dHzbZapW", "p="),
        // What is signed covers extensions too.
        SHA256.last.replace(",p=", ",z=ext,p="),
    ];
    for message in wrong {
        let mut scram = SHA256.started();
        let step = scram.step(Some(message.as_bytes()));
        assert_eq!(step, Step::Ask(Question::Proof(None)), "{message}");
        // Even if somebody said yes to that.
        assert_eq!(scram.answer(Answer::Accepted), Step::Failed(Failure::Refused));
    }
    let mut scram = SHA256.started();
    scram.step(Some(SHA256.last.as_bytes()));
    assert_eq!(scram.answer(Answer::Refused), Step::Failed(Failure::Refused));
    let mut scram = SHA256.started();
    scram.step(Some(SHA256.last.as_bytes()));
    scram.answer(Answer::Accepted);
    assert_eq!(scram.step(Some(b"x")), Step::Failed(Failure::Malformed));
}

#[test]
fn channel_bindings_and_downgrades() {
    let bindings = || ChannelBindings {
        tls_exporter: Some(b"exporter".to_vec()),
        tls_server_end_point: Some(b"certificate".to_vec()),
    };
    // Mechanism, whether -PLUS was announced, flag of the client, whether it goes on.
    let table = [
        (false, false, "n", true),
        (false, false, "y", true),
        (false, false, "p=tls-exporter", false),
        (false, true, "n", true),
        (false, true, "y", false),
        (true, true, "n", false),
        (true, true, "y", false),
        (true, true, "p=tls-exporter", true),
        (true, true, "p=tls-server-end-point", true),
        (true, true, "p=tls-unique", false),
        (true, true, "p=", false),
    ];
    for (plus, plus_offered, flag, goes_on) in table {
        let mut scram = Scram::new(Hash::Sha256, plus, plus_offered, bindings(), "s");
        let step = scram.step(Some(format!("{flag},,n=user,r=c").as_bytes()));
        let failed = step == Step::Failed(Failure::ChannelBinding);
        assert_eq!(failed, !goes_on, "{plus} {plus_offered} {flag} {step:?}");
    }
    // The last message says the same as the first, with the data of this very connection.
    for (data, goes_on) in
        [("exporter", true), ("exportes", false), ("", false), ("certificate", false)]
    {
        let mut scram = Scram::new(Hash::Sha256, true, true, bindings(), "s");
        scram.step(Some(b"p=tls-exporter,,n=user,r=c"));
        scram.answer(Answer::Verifiers(SHA256.verifiers()));
        let input = BASE64.encode(format!("p=tls-exporter,,{data}"));
        let step = scram.step(Some(format!("c={input},r=cs,p=AAAA").as_bytes()));
        let expect = match goes_on {
            true => Step::Ask(Question::Proof(None)),
            false => Step::Failed(Failure::ChannelBinding),
        };
        assert_eq!(step, expect, "{data}");
    }
}

#[test]
fn passwords_are_prepared() {
    let of =
        |password: &str| ScramKeys::derive(Hash::Sha1, &password.into(), b"salt", NonZeroU32::MIN);
    // RFC 4013 §3.
    assert_eq!(of("I\u{ad}X"), of("IX"));
    assert_eq!(of("\u{aa}"), of("a"));
    assert_eq!(of("\u{2168}"), of("IX"));
    assert_ne!(of("USER"), of("user"));
    // What SASLprep forbids is taken as it is.
    assert_ne!(of("a\u{7}"), of("a"));
    let printed = format!("{:?}", of("secret"));
    assert_eq!(printed, "ScramKeys(…)");
}
