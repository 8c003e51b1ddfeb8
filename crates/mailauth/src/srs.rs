//! The Sender Rewriting Scheme: a message that is redirected goes on from an address at a domain
//! of ours, so that SPF (RFC 7208 §D.1) finds a host that may send for it, and a bounce comes
//! back here, where the address is turned into the one it was made of.
//!
//! `SRS0=hash=day=domain=local` stands for `local@domain`; an address that is SRS already becomes
//! `SRS1=hash=domain` with what followed its `SRS0`, and a bounce jumps over us to where that was
//! made. An `SRS1` of another host is an address like any other: nobody can tell whether the first
//! hop it names ever saw the message, so a bounce goes back the way it came. See "SRS, the Sender
//! Rewriting Scheme" by Shevek and Meng Weng Wong, which is all the standard there is.
//!
//! **Invariants:** only what was made with the key is turned back, and `SRS0` only for
//! [`DAYS_MAX`] days, so that nobody can send through us to an address of their choice.
//! **Absent:** who is rewritten: addresses at domains of ours and the null path need it not.

use std::fmt;

use message::address::Address;
use zeroize::Zeroizing;

/// How long a rewritten address takes bounces, in days: longer than any queue keeps a message.
pub const DAYS_MAX: u32 = 21;

/// Seconds of one day.
const DAY_SECS: i64 = 86_400;

/// Days come round again after this many: two digits of base 32.
const DAYS_ROUND: u32 = 1024;

/// LIMIT: digits of the hash, 30 bits. A wrong one is refused at RCPT, so that guessing takes
/// hundreds of millions of commands for one address on one day; each more lengthens every path.
const HASH_DIGITS: usize = 6;

/// RFC 4648 §6, which survives programs that change the case of a local part.
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What the hashes are made with.
#[derive(Clone)]
pub struct SrsKey(Zeroizing<[u8; 32]>);

impl SrsKey {
    /// A key of 32 random bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The hash of `parts`, in any case of their letters: some programs change it on the way.
    fn hash(&self, kind: &str, parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(kind.as_bytes());
        for part in parts {
            // No part holds a NUL, so that no two lists are one text.
            hasher.update(b"\0").update(part.to_lowercase().as_bytes());
        }
        let hash = hasher.finalize();
        hash.as_bytes().iter().take(HASH_DIGITS).map(|byte| digit(u32::from(*byte))).collect()
    }

    fn holds(&self, hash: &str, kind: &str, parts: &[&str]) -> bool {
        let expected = self.hash(kind, parts);
        let given = hash.to_ascii_uppercase();
        // In constant time, so that how long it takes tells nothing of how much was right.
        expected.len() == given.len()
            && expected.bytes().zip(given.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}

// A key is nothing for a log.
impl fmt::Debug for SrsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrsKey")
    }
}

/// The number of a day, counted from 1970-01-01 in UTC, of an instant in seconds since then; 0 of
/// what lies before it, and of what no clock shows.
pub fn day_of(unix_secs: i64) -> u32 {
    u32::try_from(unix_secs.div_euclid(DAY_SECS)).unwrap_or(0)
}

/// Why an address was not turned back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrsError {
    /// It is not of this scheme: an address like any other.
    #[error("not a rewritten address")]
    NotRewritten,
    /// It looks like one of ours and was not made here.
    #[error("not rewritten here")]
    Forged,
    /// The address is older than bounces are taken.
    #[error("rewritten too long ago")]
    TooOld,
}

/// What `reverse_path` becomes when its message is sent on from `our_domain`; `day` is the
/// number of the day today. `None`: it would be too long for any path (RFC 5321 §4.5.3.1.3).
pub fn forward(
    reverse_path: &Address,
    our_domain: &str,
    key: &SrsKey,
    day: u32,
) -> Option<Address> {
    let local = match Rewritten::parse(reverse_path.local()) {
        Some(Rewritten::First { opaque, .. }) => render_second(key, reverse_path.domain(), opaque),
        // The first hop stays; the hops between it and us are left out. That holds for what was
        // made with the key alone: what another host says of a first hop may be made up, and a
        // bounce would jump to whomever it names.
        Some(Rewritten::Later { hash, domain, opaque })
            if key.holds(hash, "SRS1", &[domain, opaque]) =>
        {
            render_second(key, domain, opaque)
        }
        Some(Rewritten::Later { .. }) | None => {
            let (domain, local) = (reverse_path.domain(), reverse_path.local());
            let day = render_day(day);
            let hash = key.hash("SRS0", &[&day, domain, local]);
            format!("SRS0={hash}={day}={domain}={local}")
        }
    };
    Address::of(&local, our_domain).ok()
}

/// The address that `rewritten` was made of by [`forward`] not long before `day`. Whether its
/// domain is ours is not looked at.
pub fn reverse(rewritten: &Address, key: &SrsKey, day: u32) -> Result<Address, SrsError> {
    match Rewritten::parse(rewritten.local()).ok_or(SrsError::NotRewritten)? {
        Rewritten::First { opaque, .. } => {
            let mut parts = opaque.get(1..).unwrap_or_default().splitn(4, '=');
            let mut next = || parts.next().ok_or(SrsError::Forged);
            let (hash, made, domain, local) = (next()?, next()?, next()?, next()?);
            if !key.holds(hash, "SRS0", &[made, domain, local]) {
                return Err(SrsError::Forged);
            }
            let made = parse_day(made).ok_or(SrsError::Forged)?;
            // Seen from another time zone, or by a clock that is behind, today is tomorrow.
            let age = (day % DAYS_ROUND + 1 + DAYS_ROUND - made) % DAYS_ROUND;
            if age > DAYS_MAX + 1 {
                return Err(SrsError::TooOld);
            }
            Address::of(local, domain).map_err(|_| SrsError::Forged)
        }
        Rewritten::Later { hash, domain, opaque } => {
            if !key.holds(hash, "SRS1", &[domain, opaque]) {
                return Err(SrsError::Forged);
            }
            Address::of(&format!("SRS0{opaque}"), domain).map_err(|_| SrsError::Forged)
        }
    }
}

/// Whether an address looks rewritten, by whomever.
pub fn is_rewritten(address: &Address) -> bool {
    Rewritten::parse(address.local()).is_some()
}

/// A local part of the scheme.
enum Rewritten<'a> {
    /// `SRS0`, and what follows, its separator first.
    First { opaque: &'a str },
    /// `SRS1=hash=domain=`, and what followed `SRS0` there.
    Later { hash: &'a str, domain: &'a str, opaque: &'a str },
}

impl<'a> Rewritten<'a> {
    fn parse(local: &'a str) -> Option<Self> {
        let (tag, rest) = local.split_at_checked(4)?;
        // The first separator may be any of three, so that sites can suit their own addresses.
        if !rest.starts_with(['=', '+', '-']) {
            return None;
        }
        if tag.eq_ignore_ascii_case("SRS0") {
            return Some(Self::First { opaque: rest });
        }
        if !tag.eq_ignore_ascii_case("SRS1") {
            return None;
        }
        let mut parts = rest.get(1..)?.splitn(3, '=');
        let (hash, domain, opaque) = (parts.next()?, parts.next()?, parts.next()?);
        opaque.starts_with(['=', '+', '-']).then_some(Self::Later { hash, domain, opaque })
    }
}

fn render_second(key: &SrsKey, domain: &str, opaque: &str) -> String {
    let hash = key.hash("SRS1", &[domain, opaque]);
    format!("SRS1={hash}={domain}={opaque}")
}

fn render_day(day: u32) -> String {
    [digit(day >> 5), digit(day)].into_iter().collect()
}

fn parse_day(text: &str) -> Option<u32> {
    let value = |byte: u8| {
        let at = DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase())?;
        u32::try_from(at).ok()
    };
    match text.as_bytes() {
        [high, low] => Some(value(*high)? << 5 | value(*low)?),
        _ => None,
    }
}

fn digit(value: u32) -> char {
    DIGITS.get((value & 31) as usize).map_or('A', |digit| char::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse_path(text.as_bytes()).unwrap()
    }

    fn key() -> SrsKey {
        SrsKey::new([7; 32])
    }

    #[test]
    fn days_are_counted_from_1970() {
        for (unix_secs, day) in [
            (i64::MIN, 0),
            (-1, 0),
            (0, 0),
            (86_399, 0),
            (86_400, 1),
            (1_795_392_000, 20_780),
            (i64::MAX, 0),
        ] {
            assert_eq!(day_of(unix_secs), day, "{unix_secs}");
        }
    }

    #[test]
    fn what_was_rewritten_comes_back() {
        for original in [
            "a@b.example",
            "Julie.D+shop@B.example",
            "\"two words\"@b.example",
            "a=b=c@b.example",
            "a@[192.0.2.1]",
            "é@b.example",
            "bounces+12345-abcdef-julie=ours.example@em1234.provider.example",
        ] {
            let original = address(original);
            let sent = forward(&original, "ours.example", &key(), 20_000).unwrap();
            assert_eq!(sent.domain(), "ours.example");
            assert!(is_rewritten(&sent) && sent.to_string().contains("SRS0="), "{sent}");
            assert_eq!(reverse(&sent, &key(), 20_000), Ok(original.clone()));
            // Programs on the way may change the case.
            let lowered = address(&sent.to_string().to_lowercase());
            let back = reverse(&lowered, &key(), 20_000).unwrap();
            assert_eq!(back.normal(), original.normal());
        }
    }

    #[test]
    fn nobody_is_named_as_the_first_hop_but_by_who_has_the_key() {
        let forged = address("SRS1=AAAAAA=victim.example==HASH=TT=b.example=a@evil.example");
        let sent = forward(&forged, "ours.example", &key(), 5).unwrap();
        assert!(sent.local().starts_with("SRS0="), "{sent}");
        assert_eq!(reverse(&sent, &key(), 5), Ok(forged));
    }

    #[test]
    fn a_second_hop_keeps_the_first_and_a_third_comes_back_to_the_second() {
        let second = SrsKey::new([8; 32]);
        let third = SrsKey::new([9; 32]);
        let at_first = forward(&address("a@b.example"), "one.example", &key(), 5).unwrap();
        let opaque = at_first.local().strip_prefix("SRS0").unwrap().to_owned();
        let at_second = forward(&at_first, "two.example", &second, 5).unwrap();
        let at_third = forward(&at_second, "three.example", &third, 5).unwrap();
        assert!(at_second.local().starts_with("SRS1="), "{at_second}");
        assert!(at_second.local().ends_with(&format!("=one.example={opaque}")), "{at_second}");
        // The bounce goes from the third to the second, and past it to the first.
        assert_eq!(reverse(&at_third, &third, 5), Ok(at_second.clone()));
        assert_eq!(reverse(&at_second, &second, 5), Ok(at_first.clone()));
        // One of ours does not grow.
        let again = forward(&at_second, "also-two.example", &second, 5).unwrap();
        assert_eq!(again.local(), at_second.local());
        assert_eq!(reverse(&at_first, &key(), 5), Ok(address("a@b.example")));
        assert_eq!(reverse(&at_third, &second, 5), Err(SrsError::Forged));
        // Another program's separator is kept.
        let theirs = address("SRS0+abcd=XY=c.example=d@four.example");
        let ours = forward(&theirs, "two.example", &second, 5).unwrap();
        assert!(ours.local().ends_with("=four.example=+abcd=XY=c.example=d"), "{ours}");
        assert_eq!(reverse(&ours, &second, 5), Ok(theirs));
    }

    #[test]
    fn addresses_end_after_three_weeks() {
        let made = 20_000;
        let sent = forward(&address("a@b.example"), "ours.example", &key(), made).unwrap();
        for (day, good) in [
            (made - 2, false),
            (made - 1, true),
            (made, true),
            (made + DAYS_MAX, true),
            (made + DAYS_MAX + 1, false),
            (made + DAYS_ROUND - 2, false),
        ] {
            let expected = if good { Ok(address("a@b.example")) } else { Err(SrsError::TooOld) };
            assert_eq!(reverse(&sent, &key(), day), expected, "{day}");
        }
    }

    #[test]
    fn nothing_else_is_turned_back() {
        let sent = forward(&address("a@b.example"), "ours.example", &key(), 1).unwrap();
        let other = sent.to_string().replace("b.example", "c.example");
        for (text, error) in [
            ("a@ours.example", SrsError::NotRewritten),
            ("srs@ours.example", SrsError::NotRewritten),
            ("SRS0@ours.example", SrsError::NotRewritten),
            ("SRS0X=a=b=c=d@ours.example", SrsError::NotRewritten),
            ("SRS2=a=b=c=d@ours.example", SrsError::NotRewritten),
            ("SRS1=a=b@ours.example", SrsError::NotRewritten),
            ("SRS1=a=b=c@ours.example", SrsError::NotRewritten),
            ("SRS0=a@ours.example", SrsError::Forged),
            ("SRS0=AAAAAA=AA=b.example=a@ours.example", SrsError::Forged),
            ("SRS1=AAAAAA=b.example==x@ours.example", SrsError::Forged),
            (other.as_str(), SrsError::Forged),
        ] {
            assert_eq!(reverse(&address(text), &key(), 1), Err(error), "{text}");
        }
        assert_eq!(reverse(&sent, &SrsKey::new([0; 32]), 1), Err(SrsError::Forged));
    }

    #[test]
    fn what_fits_no_path_is_not_rewritten() {
        let long = address(&format!("{}@b.example", "a".repeat(230)));
        assert_eq!(forward(&long, "ours.example", &key(), 1), None);
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", key()), "SrsKey");
    }
}
