use super::*;

// "name|route|local|host" for a mailbox, "name:" and ";" for a group.
fn shown(raw: &[u8]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let show = |item: Item| match item {
        Item::GroupStart(name) => format!("{}:", text(&name)),
        Item::GroupEnd => ";".to_owned(),
        Item::Mailbox(l) => {
            let optional = |v: Option<Vec<u8>>| v.map_or("-".to_owned(), |v| text(&v));
            let (name, route) = (optional(l.name), optional(l.route));
            format!("{name}|{route}|{}|{}", text(&l.local), text(&l.host))
        }
    };
    address_list(raw, 100).into_iter().map(show).collect()
}

#[test]
fn lists_as_rfc5322_writes_them() {
    for (raw, expect) in [
        // RFC 5322 §A.1.2, §A.1.3, §A.5, §A.6.1
        (
            "\"Joe Q. Public\" <john.q.public@example.com>",
            &["Joe Q. Public|-|john.q.public|example.com"][..],
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            &["-|-|boss|nil.test", "Giant; \"Big\" Box|-|sysservices|example.net"],
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            &["A Group:", "Ed Jones|-|c|a.test", "-|-|joe|where.test", "John|-|jdoe|one.test", ";"],
        ),
        ("Undisclosed recipients:;", &["Undisclosed recipients:", ";"]),
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            &["Pete|-|pete|silly.test"],
        ),
        (
            "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
            &[
                "A Group:",
                "Chris Jones|-|c|public.example",
                "-|-|joe|example.org",
                "John|-|jdoe|one.test",
                ";",
            ],
        ),
        (
            "Joe Q. Public <john.q.public@example.com>",
            &["Joe Q. Public|-|john.q.public|example.com"],
        ),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            &["Mary Smith|@node.test|mary|example.net", "-|-|jdoe|test.example"],
        ),
        ("<@a.test,@b.test:c@d.test>", &["-|@a.test,@b.test|c|d.test"]),
        ("mrc@cac.washington.edu (Mark Crispin)", &["Mark Crispin|-|mrc|cac.washington.edu"]),
        ("\"a b\"@example.com, x@[192.0.2.1]", &["-|-|a b|example.com", "-|-|x|[192.0.2.1]"]),
        (
            "=?utf-8?q?Caf=C3=A9?= =?utf-8?q?x?= <a@b>",
            &["=?utf-8?q?Caf=C3=A9?= =?utf-8?q?x?=|-|a|b"],
        ),
        ("\"\" <a@b>", &["|-|a|b"]),
    ] {
        assert_eq!(shown(raw.as_bytes()), expect, "{raw}");
    }
}

#[test]
fn broken_lists() {
    for (raw, expect) in [
        ("", &[][..]),
        (" ,;,", &[]),
        ("root", &["-|-|root|"]),
        ("John Doe", &["-|-|John Doe|"]),
        ("a@b@c", &["-|-|a@b|c"]),
        ("<a@b, c@d", &["-|-|a|b", "-|-|c|d"]),
        ("Max <a@b> Min <c@d>", &["Max|-|a|b", "Min|-|c|d"]),
        ("<e@f><g@h>", &["-|-|e|f", "-|-|g|h"]),
        ("x <> \"y z\" (c) <a@b> d, <i@j> k", &["x|-||", "y z|-|a|b", "-|-|i|j"]),
        ("g: <a@b> c <d@e>; <f@g> h", &["g:", "-|-|a|b", "c|-|d|e", ";", "-|-|f|g"]),
        ("<<i@j>>", &["-|-|i|j"]),
        ("x << <k@l>, <m<n@o>", &["x|-|k|l", "-|-|m<n|o"]),
        ("a@b; c@d", &["-|-|a|b", "-|-|c|d"]),
        ("<>", &["-|-||"]),
        ("Foo <>", &["Foo|-||"]),
        ("g: a@b", &["g:", "-|-|a|b", ";"]),
        ("g: h: a@b;", &["g:", "-|-|h:a|b", ";"]),
        ("\"open <a@b>", &["-|-|open <a|b>"]),
        ("\"a@b\"", &["-|-|a|b"]),
        ("x <\"a@b\"> y", &["x|-|a|b"]),
        ("a\"@\"b.c", &["-|-|a|b.c"]),
        ("\"a@b\"@c", &["-|-|a@b|c"]),
        ("\"a@\"", &["-|-|a@|"]),
        ("<@a:<b@c>", &["-|@a|<b|c"]),
        ("<@a:@b,c@d>", &["-|@a||b", "-|-|c|d"]),
        ("(open (a@b>", &[]),
        ("a@b> c", &["-|-|a|b c"]),
        ("):]", &["):", "-|-|]|", ";"]),
        ("x@[1.2", &["-|-|x|[1.2"]),
        ("[Sales, EU] <a@b>, x@[a,b]", &["[Sales,EU]|-|a|b", "-|-|x|[a,b]"]),
        ("Al [Sales Team <a@b>, [c <d@e", &["Al [Sales Team|-|a|b", "[c|-|d|e"]),
        ("a\\", &["-|-|a\\|"]),
        ("\"a\\", &["-|-|a|"]),
    ] {
        assert_eq!(shown(raw.as_bytes()), expect, "{raw}");
    }
}

// Each of these would take hours, or all memory, if it were looked at again and again.
#[test]
fn what_never_ends_is_passed_over_once() {
    let many = 4_000_000;
    for (start, mark) in [("<@", ","), ("", "."), ("<", "."), ("<a@b>", "."), ("<@a,", "<")] {
        let field = format!("{start}{}", mark.repeat(many));
        assert!(address_list(field.as_bytes(), 100).len() <= 1, "{start}{mark}");
        let field = format!("{field}>, c@d");
        let last = address_list(field.as_bytes(), 100).pop().unwrap();
        let Item::Mailbox(last) = last else { panic!("{start}{mark}: {last:?}") };
        assert_eq!((&last.local[..], &last.host[..]), (&b"c"[..], &b"d"[..]), "{start}{mark}");
    }
}

#[test]
fn lists_are_cut() {
    let items = address_list("g: a@b,".repeat(50).as_bytes(), 10);
    assert_eq!(items.len(), 11);
    assert_eq!(items.last(), Some(&Item::GroupEnd));
    assert_eq!(address_list("<a@b> c ".repeat(50).as_bytes(), 10).len(), 10);
}

#[test]
fn what_is_too_long_to_be_read_has_no_domain_of_others() {
    let many = 400;
    let routed = format!("<{}@a:b@c.test>", "@a,".repeat(many));
    for (raw, expect) in [
        (routed.clone(), Some(("b", "c.test"))),
        (format!("{} <b@c.test>", "x ".repeat(TOKENS_MAX + 1)), Some(("b", "c.test"))),
        (format!("<b@c.test> {}", "x ".repeat(TOKENS_MAX + 1)), Some(("b", "c.test"))),
        (format!("<{}b@c.test>", "a.".repeat(TOKENS_MAX)), None),
        (format!("{}b@c.test", "a.".repeat(TOKENS_MAX)), None),
        (routed.replace(":b", &format!(":{}", ".b".repeat(TOKENS_MAX))), None),
        (format!("b@c.test{}", ".x".repeat(TOKENS_MAX)), None),
    ] {
        let items = address_list(raw.as_bytes(), 100);
        let [Item::Mailbox(listed)] = items.as_slice() else { panic!("{items:?}") };
        let expect = expect.map(|(local, host)| (local.as_bytes(), host.as_bytes()));
        let found = (!listed.is_cut()).then_some((&listed.local[..], &listed.host[..]));
        assert_eq!(found, expect, "{raw}");
        let host = String::from_utf8_lossy(&listed.host);
        assert_eq!(crate::address::Address::of("b", &host).is_err(), listed.is_cut());
    }
}

#[test]
fn addresses_that_others_find_are_hidden() {
    for (raw, expect) in [
        ("a@b", &[][..]),
        ("\"x@y\" <a@b>", &[]),
        ("root", &[]),
        ("root, a@b", &[]),
        ("undisclosed:;", &[]),
        ("", &[]),
        ("(x@y", &["(x@y"]),
        ("=?utf-8?q?x=40y?=", &["x@y", "x@y"]),
        ("=?utf-8?q?x=40y?=, a@b", &["x@y"]),
        ("\"=?utf-8?b?eEB5?=\", a@b", &["x@y"]),
        ("\"x@y\" <>", &["\"x@y\" <>"]),
        ("x@", &["x@"]),
    ] {
        let items = address_list(raw.as_bytes(), 100);
        let found = hidden_addresses(raw.as_bytes(), &items);
        let found: Vec<&str> = found.iter().map(|text| text.trim()).collect();
        assert_eq!(found, expect, "{raw}");
    }
}
