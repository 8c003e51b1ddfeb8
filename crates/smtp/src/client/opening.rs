//! From the greeting to where mail can be sent: EHLO, STARTTLS, AUTH. No I/O.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Capabilities, ServerReply, Status, Wait};

/// RFC 3463 §3.8: X.7.5, cryptographic failure: there is no TLS where there must be.
const NO_TLS: Status = Status::new(4, 7, 5);

/// RFC 3463 §3.5: X.4.6, a routing loop.
const LOOP: Status = Status::new(5, 4, 6);

/// How TLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsUse {
    /// Not at all: a handshake failed before, and nothing asks for it.
    Never,
    /// Where it is offered (RFC 7435).
    Opportunistic,
    /// Without TLS nothing is sent.
    Required,
    /// The connection has it already.
    FromTheStart,
}

/// What to sign in with at a smart host. The password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a connection is opened with.
#[derive(Debug, Clone)]
pub struct OpeningSettings {
    /// What we call ourselves (RFC 5321 §4.1.4).
    pub hostname: String,
    /// How TLS is used.
    pub tls: TlsUse,
    /// Whom to sign in as.
    pub credentials: Option<Credentials>,
}

/// What there is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Send what is in the buffer, read a reply, give it to [`Opening::reply`].
    Reply(Wait),
    /// Make the handshake, then call [`Opening::tls_started`].
    StartTls,
    /// Mail can be sent.
    Ready(Capabilities),
    /// The connection cannot be made ready.
    Failed(Failure),
}

/// Why nothing can be sent to this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The enhanced status code.
    pub status: Status,
    /// What was said, by the server or about it.
    pub text: String,
}

impl Failure {
    pub(super) fn new(status: Status, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// Whether the server has no TLS, where there must be (RFC 3463 §3.8: X.7.5).
    pub fn is_no_tls(&self) -> bool {
        self.status == NO_TLS
    }

    /// Whether another attempt is in vain.
    pub fn is_permanent(&self) -> bool {
        self.status.class == 5
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    AuthPlain,
    AuthLogin,
    AuthUser,
    AuthPassword,
}

/// A connection that is being opened: greeting, EHLO, STARTTLS, AUTH.
#[derive(Debug)]
pub struct Opening {
    settings: OpeningSettings,
    phase: Phase,
    encrypted: bool,
    /// STARTTLS was refused; it is not asked for again.
    tls_refused: bool,
    capabilities: Capabilities,
}

impl Opening {
    /// A connection of which nothing is known. Begin by reading a reply.
    pub fn new(settings: OpeningSettings) -> Self {
        let encrypted = settings.tls == TlsUse::FromTheStart;
        Self {
            settings,
            phase: Phase::Greeting,
            encrypted,
            tls_refused: false,
            capabilities: Capabilities::default(),
        }
    }

    /// The handshake is done. RFC 3207 §4.2: what was said before is forgotten.
    pub fn tls_started(&mut self, out: &mut Vec<u8>) -> Act {
        self.encrypted = true;
        self.capabilities = Capabilities::default();
        self.greet(Phase::Ehlo, out)
    }

    /// Takes one reply.
    pub fn reply(&mut self, reply: &ServerReply, out: &mut Vec<u8>) -> Act {
        if reply.is_farewell() {
            return refused("", reply);
        }
        match self.phase {
            Phase::Greeting if reply.is_positive() => self.greet(Phase::Ehlo, out),
            // RFC 7504 §3: this host never takes mail, whoever asks.
            Phase::Greeting if reply.code == 521 => {
                // A stranger's word for a loop finds none.
                let status = Some(reply.status()).filter(|status| *status != LOOP);
                let status = status.unwrap_or(Status::new(5, 3, 2));
                Act::Failed(Failure::new(status, format!("greeting: {reply}")))
            }
            // RFC 5321 §3.1: 554 means that there is no mail service here. That can be a matter
            // of who asks and when, so another host, or later the same, is tried all the same.
            Phase::Greeting => refused("greeting: ", reply),
            Phase::Ehlo if reply.is_positive() => self.greeted(Capabilities::of(reply), out),
            // RFC 5321 §3.2: HELO for servers that do not know EHLO.
            Phase::Ehlo if reply.is_permanent() && !self.needs_ehlo() => {
                self.greet(Phase::Helo, out)
            }
            Phase::Ehlo => refused("EHLO: ", reply),
            Phase::Helo if reply.is_positive() => {
                let name = reply.lines.first().map(String::as_str).unwrap_or_default();
                let name = name.split(' ').next().unwrap_or_default().to_owned();
                self.greeted(Capabilities::none(name), out)
            }
            Phase::Helo => refused("HELO: ", reply),
            Phase::StartTls if reply.is_positive() => Act::StartTls,
            Phase::StartTls => {
                self.tls_refused = true;
                self.go_on(out)
            }
            _ => self.signing_in(reply, out),
        }
    }

    /// Without EHLO there is neither STARTTLS nor AUTH.
    fn needs_ehlo(&self) -> bool {
        self.encrypted
            || self.settings.tls == TlsUse::Required
            || self.settings.credentials.is_some()
    }

    fn greet(&mut self, phase: Phase, out: &mut Vec<u8>) -> Act {
        self.phase = phase;
        out.extend_from_slice(if phase == Phase::Helo { b"HELO " } else { b"EHLO " });
        out.extend_from_slice(self.settings.hostname.as_bytes());
        out.extend_from_slice(b"\r\n");
        Act::Reply(Wait::Command)
    }

    fn greeted(&mut self, capabilities: Capabilities, out: &mut Vec<u8>) -> Act {
        // RFC 5321 §5.1: mail for elsewhere that comes back to us would go round for ever. Where
        // TLS is to tell who is there, anybody can call themselves by our name before it.
        let may_be_anybody = self.settings.tls == TlsUse::Required && !self.encrypted;
        if !may_be_anybody && capabilities.name.eq_ignore_ascii_case(&self.settings.hostname) {
            let text = "the server there calls itself by our own name: mail loops back to us";
            return Act::Failed(Failure::new(LOOP, text));
        }
        self.capabilities = capabilities;
        self.go_on(out)
    }

    /// The server's name and extensions are known: what is still missing?
    fn go_on(&mut self, out: &mut Vec<u8>) -> Act {
        let wanted = matches!(self.settings.tls, TlsUse::Opportunistic | TlsUse::Required);
        if wanted && !self.encrypted {
            if self.capabilities.starttls && !self.tls_refused {
                self.phase = Phase::StartTls;
                out.extend_from_slice(b"STARTTLS\r\n");
                return Act::Reply(Wait::Command);
            }
            if self.settings.tls == TlsUse::Required {
                let text = "TLS is required and the server does not offer it";
                return Act::Failed(Failure::new(NO_TLS, text));
            }
        }
        if self.settings.credentials.is_some() {
            return self.sign_in(out);
        }
        Act::Ready(std::mem::take(&mut self.capabilities))
    }

    /// RFC 4954 §4, with PLAIN (RFC 4616 §2) or LOGIN.
    fn sign_in(&mut self, out: &mut Vec<u8>) -> Act {
        let Some(credentials) = &self.settings.credentials else {
            return Act::Ready(std::mem::take(&mut self.capabilities));
        };
        if self.capabilities.auth_plain {
            let Credentials { user, password } = credentials;
            let response = STANDARD.encode(format!("\0{user}\0{password}"));
            out.extend_from_slice(b"AUTH PLAIN ");
            out.extend_from_slice(response.as_bytes());
            out.extend_from_slice(b"\r\n");
            self.phase = Phase::AuthPlain;
        } else if self.capabilities.auth_login {
            out.extend_from_slice(b"AUTH LOGIN\r\n");
            self.phase = Phase::AuthLogin;
        } else {
            let text = "the server offers no way to sign in that is known here";
            return Act::Failed(Failure::new(Status::new(4, 7, 0), text));
        }
        Act::Reply(Wait::Command)
    }

    fn signing_in(&mut self, reply: &ServerReply, out: &mut Vec<u8>) -> Act {
        let Some(credentials) = &self.settings.credentials else {
            return refused("", reply);
        };
        let (next, text) = match (self.phase, reply.code) {
            (Phase::AuthPlain | Phase::AuthPassword, 200..300) => {
                return Act::Ready(std::mem::take(&mut self.capabilities));
            }
            (Phase::AuthLogin, 334) => (Phase::AuthUser, &credentials.user),
            (Phase::AuthUser, 334) => (Phase::AuthPassword, &credentials.password),
            // A wrong password is for the operator to put right; the mail waits for it.
            _ => return refused("AUTH: ", reply),
        };
        out.extend_from_slice(STANDARD.encode(text).as_bytes());
        out.extend_from_slice(b"\r\n");
        self.phase = next;
        Act::Reply(Wait::Command)
    }
}

/// A refusal before any message: whatever its digit, another time or host may do.
fn refused(what: &str, reply: &ServerReply) -> Act {
    let status = reply.status();
    let status = Status { class: 4, ..status };
    Act::Failed(Failure::new(status, format!("{what}{reply}")))
}

#[cfg(test)]
mod tests {
    use super::super::ReplyReader;
    use super::*;

    fn settings(tls: TlsUse, credentials: bool) -> OpeningSettings {
        let credentials = credentials
            .then(|| Credentials { user: "relay".to_owned(), password: "secret".to_owned() });
        OpeningSettings { hostname: "mail.here.test".to_owned(), tls, credentials }
    }

    /// Plays replies (`|` between lines) and gives what was sent, and how it ended.
    fn play(settings: OpeningSettings, replies: &[&str]) -> (String, Act) {
        let mut opening = Opening::new(settings);
        let mut out = Vec::new();
        let mut act = Act::Reply(Wait::Greeting);
        for reply in replies {
            if *reply == "TLS" {
                assert_eq!(act, Act::StartTls);
                act = opening.tls_started(&mut out);
                continue;
            }
            let mut reader = ReplyReader::default();
            let reply =
                reply.split('|').find_map(|line| reader.line(line.as_bytes()).unwrap()).unwrap();
            assert!(matches!(act, Act::Reply(_)), "{act:?} before {reply}");
            act = opening.reply(&reply, &mut out);
        }
        (String::from_utf8(out).unwrap().replace("\r\n", "|"), act)
    }

    fn failed(class: u8, subject: u16, detail: u16, text: &str) -> Act {
        Act::Failed(Failure::new(Status::new(class, subject, detail), text))
    }

    #[test]
    fn plain_and_encrypted() {
        let ehlo = "250-mx.there.test|250 STARTTLS";
        let (sent, act) = play(settings(TlsUse::Never, false), &["220 hi", ehlo]);
        assert_eq!(sent, "EHLO mail.here.test|");
        assert!(matches!(act, Act::Ready(found) if found.starttls));
        let (sent, act) = play(
            settings(TlsUse::Opportunistic, false),
            &["220 hi", ehlo, "220 go", "TLS", "250-mx.there.test|250 DSN"],
        );
        assert_eq!(sent, "EHLO mail.here.test|STARTTLS|EHLO mail.here.test|");
        // RFC 3207 §4.2: what was offered before TLS is no longer.
        assert!(matches!(act, Act::Ready(found) if found.dsn && !found.starttls));
    }

    #[test]
    fn tls_that_is_not_to_be_had() {
        let refused = ["220 hi", "250-mx.there.test|250 STARTTLS", "454 4.7.0 no"];
        let (_, act) = play(settings(TlsUse::Opportunistic, false), &refused);
        assert!(matches!(act, Act::Ready(_)));
        let text = "TLS is required and the server does not offer it";
        let (_, act) = play(settings(TlsUse::Required, false), &refused);
        assert_eq!(act, failed(4, 7, 5, text));
        let (_, act) = play(settings(TlsUse::Required, false), &["220 hi", "250 mx.there.test"]);
        assert_eq!(act, failed(4, 7, 5, text));
        let (_, act) = play(settings(TlsUse::Required, false), &["220 hi", "502 what"]);
        assert_eq!(act, failed(4, 0, 0, "EHLO: 502 what"));
    }

    #[test]
    fn servers_of_old() {
        let (sent, act) =
            play(settings(TlsUse::Opportunistic, false), &["220 hi", "500 what", "250 old"]);
        assert_eq!(sent, "EHLO mail.here.test|HELO mail.here.test|");
        assert_eq!(act, Act::Ready(Capabilities::none("old".to_owned())));
    }

    #[test]
    fn refusals_are_for_now() {
        for (replies, text) in [
            (&["554 5.7.1 go away"][..], "greeting: 554 5.7.1 go away"),
            (&["421 4.3.2 later"], "421 4.3.2 later"),
            (&["220 hi", "451 later"], "EHLO: 451 later"),
            (&["220 hi", "500 what", "550 no"], "HELO: 550 no"),
        ] {
            let (_, act) = play(settings(TlsUse::Opportunistic, false), replies);
            match act {
                Act::Failed(failure) => {
                    assert!(!failure.is_permanent());
                    assert_eq!(failure.text, text);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    // RFC 7504 §3
    #[test]
    fn a_host_that_takes_no_mail_is_not_asked_again() {
        let greeted = |reply| play(settings(TlsUse::Opportunistic, false), &[reply]).1;
        let text = "greeting: 521 Server does not accept mail";
        assert_eq!(greeted("521 Server does not accept mail"), failed(5, 3, 2, text));
        let text = "greeting: 521 5.7.0 no";
        assert_eq!(greeted("521 5.7.0 no"), failed(5, 7, 0, text));
        let text = "greeting: 521 5.4.6 loop";
        assert_eq!(greeted("521 5.4.6 loop"), failed(5, 3, 2, text));
        // It is for the greeting alone.
        let (_, act) = play(settings(TlsUse::Opportunistic, true), &["220 hi", "521 no"]);
        assert_eq!(act, failed(4, 3, 2, "EHLO: 521 no"));
    }

    #[test]
    fn we_do_not_talk_to_ourselves() {
        let (_, act) =
            play(settings(TlsUse::Opportunistic, false), &["220 hi", "250 MAIL.here.test"]);
        assert!(matches!(act, Act::Failed(failure) if failure.is_permanent()));
    }

    #[test]
    fn who_is_only_known_behind_tls_is_judged_there() {
        let before = ["220 hi", "250-mail.here.test|250 STARTTLS", "220 go", "TLS"];
        for (name, is_us) in [("mail.here.test", true), ("mx.there.test", false)] {
            let reply = format!("250 {name}");
            let replies = [&before[..], &[&*reply]].concat();
            let (sent, act) = play(settings(TlsUse::Required, false), &replies);
            assert_eq!(sent, "EHLO mail.here.test|STARTTLS|EHLO mail.here.test|");
            let is_loop = matches!(&act, Act::Failed(failure) if failure.status == LOOP);
            assert_eq!(is_loop, is_us, "{act:?}");
        }
        let (_, act) = play(settings(TlsUse::Required, false), &["220 hi", "250 mail.here.test"]);
        assert!(matches!(act, Act::Failed(failure) if failure.is_no_tls()));
        let (_, act) =
            play(settings(TlsUse::FromTheStart, false), &["220 hi", "250 mail.here.test"]);
        assert!(matches!(act, Act::Failed(failure) if failure.status == LOOP));
    }

    #[test]
    fn signing_in() {
        let (sent, act) = play(
            settings(TlsUse::Never, true),
            &["220 hi", "250-mx|250 AUTH PLAIN LOGIN", "235 2.7.0 ok"],
        );
        assert_eq!(sent, "EHLO mail.here.test|AUTH PLAIN AHJlbGF5AHNlY3JldA==|");
        assert!(matches!(act, Act::Ready(_)));
        let (sent, act) = play(
            settings(TlsUse::Never, true),
            &["220 hi", "250-mx|250 AUTH LOGIN", "334 VXNlcg==", "334 UGFzcw==", "535 5.7.8 no"],
        );
        assert_eq!(sent, "EHLO mail.here.test|AUTH LOGIN|cmVsYXk=|c2VjcmV0|");
        assert_eq!(act, failed(4, 7, 8, "AUTH: 535 5.7.8 no"));
        let (_, act) = play(settings(TlsUse::Never, true), &["220 hi", "250 mx"]);
        assert!(matches!(act, Act::Failed(_)));
    }
}
