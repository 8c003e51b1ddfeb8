use super::*;
use crate::decode_part;

fn converted(message: &[u8]) -> Option<String> {
    to_seven_bit(message, &Limits::default()).map(|out| String::from_utf8(out).unwrap())
}

#[test]
fn texts_become_quoted_printable() {
    let message = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: 8bit\r\nSubject: x\r\n\r\n\
                   Zürich and some more words, 1=1 \r\n.\r\n";
    let expect = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nSubject: x\r\n\
                  Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                  Z=C3=BCrich and some more words, 1=3D1=20\r\n.\r\n";
    assert_eq!(converted(message.as_bytes()).as_deref(), Some(expect));
}

#[test]
fn what_says_nothing_of_itself_is_told() {
    let message = "Subject: x\r\n\r\nZürich, twenty-odd letters\r\n";
    let expect = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                  Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                  Z=C3=BCrich, twenty-odd letters\r\n";
    assert_eq!(converted(message.as_bytes()).as_deref(), Some(expect));
    let latin = converted(b"Subject: x\r\n\r\nZ\xfcrich, twenty-odd letters\r\n").unwrap();
    assert!(latin.contains("charset=unknown-8bit\r\n") && latin.contains("Z=FCrich"), "{latin}");
}

#[test]
fn each_part_by_itself() {
    let head = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
                Content-Transfer-Encoding: binary\r\n\r\n\
                --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nZürich, among other words\r\n\
                --b\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
                --b\r\nContent-Type: application/octet-stream\r\n\
                Content-Transfer-Encoding: binary\r\n\r\n";
    let bytes: Vec<u8> = (0..=255).collect();
    let message = [head.as_bytes(), &bytes, b"\r\n--b--\r\n"].concat();
    let out = to_seven_bit(&message, &Limits::default()).unwrap();
    let text = String::from_utf8(out.clone()).unwrap();
    assert!(text.starts_with(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\n--b\r\n"
    ));
    let parts = PartIndex::of(&out, &Limits::default());
    for (number, expect) in
        [(1, "Zürich, among other words".as_bytes()), (2, b"plain"), (3, &bytes[..])]
    {
        let part = parts.find(&[number]).unwrap();
        let body = &out[bytes_of(&part)];
        assert_eq!(decode_part(body, part.encoding).unwrap(), expect, "{number}");
    }
}

fn bytes_of(part: &Part) -> Range<usize> {
    bytes(&part.body)
}

#[test]
fn messages_in_messages_are_converted_inside() {
    let message = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
                   Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\nZürich, twenty-odd letters\r\n";
    let expect = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
                  Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n\
                  Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                  Z=C3=BCrich, twenty-odd letters\r\n";
    assert_eq!(converted(message.as_bytes()).as_deref(), Some(expect));
}

#[test]
fn what_cannot_be_converted_is_not() {
    for message in [
        // A signature would break.
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nZürich\r\n--b--\r\n",
        // Headers are not bodies.
        "Subject: Zürich\r\n\r\nx\r\n",
        // It is not what its field says.
        "Content-Transfer-Encoding: base64\r\n\r\nZürich\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\nZürich\r\n--b\r\n\r\nx\r\n--b--\r\n",
    ] {
        assert_eq!(converted(message.as_bytes()), None, "{message}");
    }
}

#[test]
fn lines_are_short_and_decode_to_what_they_were() {
    for text in [
        format!("é{}\r\n", "x".repeat(3000)),
        format!("é{}\r\nno end", "= \t".repeat(100)),
        "é".repeat(500),
        format!("{} é", "word ".repeat(200)),
    ] {
        let message = format!("Subject: x\r\n\r\n{text}");
        let out = to_seven_bit(message.as_bytes(), &Limits::default()).unwrap();
        assert!(out.split(|&byte| byte == b'\n').all(|line| line.len() <= 77));
        let part = PartIndex::of(&out, &Limits::default()).find(&[1]).unwrap();
        let decoded = decode_part(&out[bytes_of(&part)], part.encoding).unwrap().into_owned();
        assert_eq!(String::from_utf8(decoded).unwrap(), text);
    }
}

/// Whatever a body is of, it becomes little more than a third longer.
#[test]
fn nothing_makes_three_bytes_of_each() {
    let bodies: [&[u8]; 8] = [
        b"=",
        b"\x01",
        b"\xff",
        b" \r\n\xe9",
        b"=a",
        b"=aaaaa",
        b"=aaaa",
        b"\xe9 and \x01 or so\r\n",
    ];
    for of in bodies {
        let message = [b"X: y\r\n\r\n".as_slice(), &of.repeat(60_000 / of.len())].concat();
        let name = String::from_utf8_lossy(of);
        let out = to_seven_bit(&message, &Limits::default()).unwrap();
        assert!(out.len() < message.len() * 7 / 5 + 150, "{name:?}: {}", out.len());
        let parts = PartIndex::of(&out, &Limits::default());
        let part = parts.find(&[1]).unwrap();
        let decoded = decode_part(&out[bytes_of(&part)], part.encoding).unwrap();
        assert_eq!(decoded[..], message[8..], "{name:?}");
    }
}
