use super::*;
use crate::testing::{Zone, block_on};

fn check_all(zone: &Zone, cases: &[(&str, &str, SpfVerdict)]) {
    for (ip, sender, expected) in cases {
        let client = Client { ip: ip.parse().unwrap(), helo: "mx.sender.example" };
        let (local, domain) = sender.rsplit_once('@').unwrap();
        let budget = Budget::new(zone, 1000);
        let verdict = block_on(check_mail_from(&budget, client, local, domain));
        assert_eq!(verdict, *expected, "{ip} {sender}");
    }
}

#[test]
fn mechanisms_match() {
    use SpfVerdict::{Fail, Neutral, None, Pass, SoftFail};
    let zone = Zone::default()
        .text("a.example", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all")
        .text("a.example", "another text")
        .text("mx.example", "v=spf1 mx ~all")
        .exchanger("mx.example", "one.mx.example")
        .address("one.mx.example", "192.0.2.7")
        .address("one.mx.example", "2001:db8::7")
        .text("inc.example", "v=spf1 include:a.example a:host.example/28 ?all")
        .address("host.example", "198.51.100.1")
        .text("red.example", "v=spf1 redirect=a.example")
        .text("exists.example", "v=spf1 exists:%{l}.%{i}._spf.%{d} -all")
        .address("julie.192.0.2.1._spf.exists.example", "127.0.0.2")
        .text("ptr.example", "v=spf1 ptr -all")
        .name("192.0.2.9", "host.ptr.example")
        .address("host.ptr.example", "192.0.2.9")
        .name("192.0.2.10", "liar.ptr.example")
        .text("empty.example", "v=spf1")
        .address("plain.example", "192.0.2.1");
    check_all(
        &zone,
        &[
            ("192.0.2.1", "x@a.example", Pass),
            ("::ffff:192.0.2.1", "x@a.example", Pass),
            ("192.0.3.1", "x@a.example", Fail),
            ("2001:db8::99", "x@A.example.", Pass),
            ("192.0.2.7", "x@mx.example", Pass),
            ("2001:db8::7", "x@mx.example", Pass),
            ("192.0.2.8", "x@mx.example", SoftFail),
            ("192.0.2.8", "x@inc.example", Pass),
            ("198.51.100.15", "x@inc.example", Pass),
            ("198.51.100.16", "x@inc.example", Neutral),
            ("192.0.2.8", "x@red.example", Pass),
            ("203.0.113.1", "x@red.example", Fail),
            ("192.0.2.1", "julie@exists.example", Pass),
            ("192.0.2.1", "max@exists.example", Fail),
            ("192.0.2.9", "x@ptr.example", Pass),
            ("192.0.2.10", "x@ptr.example", Fail),
            ("192.0.2.1", "x@empty.example", Neutral),
            ("192.0.2.1", "x@plain.example", None),
            ("192.0.2.1", "x@nowhere.example", None),
            ("192.0.2.1", "x@[192.0.2.1]", None),
            ("192.0.2.1", "x@localhost", None),
        ],
    );
}

#[test]
fn errors_and_bounds() {
    use SpfVerdict::{Fail, PermError, TempError};
    let mut zone = Zone::default()
        .text("two.example", "v=spf1 -all")
        .text("two.example", "v=spf1 +all")
        .text("bad.example", "v=spf1 +all foo")
        .text("incnone.example", "v=spf1 include:nowhere.example -all")
        .text("rednone.example", "v=spf1 redirect=nowhere.example")
        .text("loop.example", "v=spf1 include:loop.example -all")
        .text("slow.example", "v=spf1 a:silent.example -all")
        .silent("silent.example")
        .text("void2.example", "v=spf1 a:n1.example a:n2.example -all")
        .text("void3.example", "v=spf1 a:n1.example a:n2.example exists:n3.example -all")
        .text("mx11.example", "v=spf1 mx -all");
    for host in 0..11 {
        zone = zone.exchanger("mx11.example", &format!("mx{host}.example"));
    }
    let terms = |count| (0..count).map(|_| " a:host.example").collect::<String>();
    zone = zone
        .address("host.example", "192.0.2.200")
        .text("ten.example", &format!("v=spf1{} -all", terms(10)))
        .text("eleven.example", &format!("v=spf1{} -all", terms(11)));
    check_all(
        &zone,
        &[
            ("192.0.2.1", "x@two.example", PermError),
            ("192.0.2.1", "x@bad.example", PermError),
            ("192.0.2.1", "x@incnone.example", PermError),
            ("192.0.2.1", "x@rednone.example", PermError),
            ("192.0.2.1", "x@loop.example", PermError),
            ("192.0.2.1", "x@slow.example", TempError),
            ("192.0.2.1", "x@silent.example", TempError),
            ("192.0.2.1", "x@void2.example", Fail),
            ("192.0.2.1", "x@void3.example", PermError),
            ("192.0.2.1", "x@mx11.example", PermError),
            ("192.0.2.1", "x@ten.example", Fail),
            ("192.0.2.1", "x@eleven.example", PermError),
        ],
    );
    // What was asked too often is not answered.
    let budget = Budget::new(&zone, 3);
    let client = Client { ip: "192.0.2.1".parse().unwrap(), helo: "ten.example" };
    assert_eq!(block_on(check_helo(&budget, client)), TempError);
}
