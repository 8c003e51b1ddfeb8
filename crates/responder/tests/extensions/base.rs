//! The base of the language, and what tests compare with.

use crate::scene::{MESSAGE, check, check_tests, result};

#[test]
fn base() {
    check(&[
        ("", "keep implicitly"),
        ("keep;", "keep"),
        ("discard;", ""),
        ("keep; keep;", "keep"),
        ("stop; discard;", "keep implicitly"),
        ("redirect \"bart@example.com\";", "redirect bart@example.com"),
        (
            "redirect \"Bart <bart@example.com>\"; redirect \"BART@example.com\";",
            "redirect BART@example.com",
        ),
        // RFC 5228 §3.1
        (
            "require \"fileinto\"; if header :contains \"from\" \"coyote\" { discard; } \
             elsif header :contains [\"subject\"] [\"$$$\"] { discard; } else { fileinto \"INBOX\"; }",
            "",
        ),
        ("if false { keep; } elsif true { discard; } else { keep; }", ""),
        ("redirect \"a..b@example.com\";", "redirect \"a..b\"@example.com"),
        ("redirect \"nobody\";", "line 1, column 1: redirect: \"nobody\" is no address"),
        ("redirect \"a@b, c@d\";", "line 1, column 1: redirect: \"a@b, c@d\" is no address"),
        ("else { keep; }", "line 1, column 1: unknown command \"else\""),
        ("keep; require \"copy\";", "line 1, column 7: require must come first"),
        ("require \"nothing\";", "line 1, column 9: unknown capability \"nothing\""),
        ("fileinto \"x\";", "line 1, column 1: fileinto needs require \"fileinto\""),
        ("keep 1;", "line 1, column 6: keep has an argument too many"),
        ("keep { stop; }", "line 1, column 1: keep: takes no block"),
        ("if true;", "line 1, column 1: if needs a block"),
        (
            "if header :is :contains \"a\" \"b\" {}",
            "line 1, column 4: header: more than one match type",
        ),
        ("if header :frop \"a\" \"b\" {}", "line 1, column 11: unknown tag \":frop\""),
        ("if header \"a\" {}", "line 1, column 4: header: the keys is missing"),
    ]);
    check_tests(
        "\"envelope\"",
        &[
            ("header :contains \"subject\" \"PRESENT\"", true),
            ("header :is \"subject\" \"I have a present for ☺ you\"", true),
            ("header :matches \"subject\" \"i * a ??????? for*\"", true),
            ("header :comparator \"i;octet\" :contains \"subject\" \"PRESENT\"", false),
            ("header :is \"x-none\" \"\"", false),
            ("header :contains [\"x-none\", \"cc\"] [\"x\", \"keith\"]", true),
            ("address :is :all \"from\" \"coyote@desert.example.org\"", true),
            ("address :domain \"to\" [\"example.org\", \"x\"]", true),
            ("address :localpart \"from\" \"Coyote\"", true),
            ("address \"x-none\" \"\"", false),
            ("envelope :all :is \"from\" \"coyote@desert.example.org\"", true),
            ("envelope :domain \"to\" \"acme.example.com\"", true),
            ("exists [\"from\", \"date\"]", true),
            ("exists [\"from\", \"x-none\"]", false),
            ("size :over 100", true),
            ("size :over 1M", false),
            ("size :under 1M", true),
            ("allof (true, not false)", true),
            ("anyof (false, false)", false),
        ],
    );
    // RFC 5228 §5.9: a message of just that size is neither over nor under it.
    let script =
        format!("if anyof (size :over {0}, size :under {0}) {{ discard; }}", MESSAGE.len());
    assert_eq!(result(&script, MESSAGE), "keep implicitly");
}

#[test]
fn encoded_character() {
    check_tests(
        "\"encoded-character\"",
        &[
            ("header :contains \"subject\" \"${hex:50 52}ESENT\"", true),
            ("header :contains \"subject\" \"${unicode:263A}\"", true),
        ],
    );
    check(&[(
        "require \"encoded-character\"; if header \"a\" \"${unicode:D800}\" {}",
        "line 1, column 44: there is no character D800 in Unicode",
    )]);
}

#[test]
fn variables() {
    check(&[
        (
            "require [\"variables\", \"fileinto\"]; \
             if header :matches \"subject\" \"I have a * for *\" { fileinto \"${1}.${2}\"; }",
            "fileinto present.☺ you",
        ),
        (
            "require [\"variables\", \"fileinto\"]; set :upperfirst :lower \"b\" \"juMBlEd lETteRS\"; \
             set :length \"c\" \"${b}\"; fileinto \"${b} ${C}${d}\";",
            "fileinto Jumbled letters 15",
        ),
        (
            "require [\"variables\", \"fileinto\"]; if string :matches \"a,b\" \"*,*\" {} \
             if string :matches \"x\" \"y*\" {} fileinto \"${0}:${2}\";",
            "fileinto a,b:b",
        ),
        ("require \"variables\"; set \"a.b\" \"\";", "line 1, column 26: unknown namespace \"a\""),
        (
            "require \"variables\"; set \"1\" \"\";",
            "line 1, column 26: \"1\" is no name of a variable",
        ),
        (
            "require \"variables\"; set :lower :upper \"a\" \"\";",
            "line 1, column 22: set: two modifiers of the same kind",
        ),
        ("require \"fileinto\"; fileinto \"${a}\";", "fileinto ${a}"),
    ]);
    check_tests(
        "\"variables\", \"relational\", \"comparator-i;ascii-numeric\"",
        &[
            ("string :count \"eq\" [\"a\", \"\", \"b\"] \"2\"", true),
            ("string :is \" a\" \"a\"", false),
        ],
    );
}

#[test]
fn relational_and_comparators() {
    check_tests(
        "\"relational\", \"comparator-i;ascii-numeric\", \"comparator-i;unicode-casemap\"",
        &[
            ("header :value \"gt\" :comparator \"i;ascii-numeric\" \"x-number\" \"9\"", true),
            ("header :value \"gt\" \"x-number\" \"9\"", false),
            ("header :is :comparator \"i;ascii-numeric\" \"x-number\" \"10\"", true),
            ("header :count \"eq\" \"x-tag\" \"3\"", true),
            (
                "address :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] [\"3\"]",
                true,
            ),
            ("header :contains :comparator \"i;unicode-casemap\" \"subject\" \"YOU\"", true),
            ("header :value \"ne\" \"x-tag\" \"one\"", true),
        ],
    );
    check(&[
        (
            "require \"comparator-i;ascii-numeric\"; if header :contains :comparator \"i;ascii-numeric\" \"a\" \"1\" {}",
            "line 1, column 42: header: i;ascii-numeric compares whole numbers only",
        ),
        (
            "if header :comparator \"i;klingon\" \"a\" \"b\" {}",
            "line 1, column 23: unknown comparator \"i;klingon\"",
        ),
    ]);
}

#[test]
fn regex() {
    check(&[
        (
            "require [\"regex\", \"variables\", \"fileinto\"]; \
             if header :regex \"subject\" \"(p[a-z]+) for\" { fileinto \"${1}-${0}\"; }",
            "fileinto present-present for",
        ),
        (
            "require \"regex\"; if header :regex \"a\" \"(\" {}",
            "line 1, column 39: the regular expression is wrong: unclosed group",
        ),
    ]);
}

#[test]
fn subaddress_and_index() {
    check_tests(
        "\"subaddress\", \"index\", \"envelope\"",
        &[
            ("address :detail \"to\" \"list\"", true),
            ("address :user \"to\" \"roadrunner\"", true),
            ("address :detail \"cc\" \"\"", false),
            ("envelope :detail \"to\" \"list\"", true),
            ("header :index 2 \"x-tag\" \"two\"", true),
            ("header :index 1 :last \"x-tag\" \"three\"", true),
            ("header :index 2 [\"x-number\", \"x-tag\"] \"one\"", true),
            ("header :index 4 \"x-tag\" \"three\"", false),
        ],
    );
}
