//! Tables of headers, good and bad, for both versions.

use super::*;

fn addresses(source: &str, destination: &str) -> ProxyHeader {
    ProxyHeader {
        addresses: Some((source.parse().unwrap(), destination.parse().unwrap())),
        tls: None,
    }
}

/// Reads one header and returns what it said with the bytes behind it.
async fn read(bytes: &[u8]) -> Option<(ProxyHeader, Vec<u8>)> {
    let mut input = bytes;
    let header = read_header(&mut input).await.ok()?;
    Some((header, input.to_vec()))
}

#[tokio::test]
async fn version_1() {
    let good: &[(&str, ProxyHeader)] = &[
        (
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 143\r\n",
            addresses("192.0.2.7:56324", "198.51.100.1:143"),
        ),
        (
            "PROXY TCP6 2001:db8::7 2001:db8::1 65535 993\r\n",
            addresses("[2001:db8::7]:65535", "[2001:db8::1]:993"),
        ),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            addresses(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        ("PROXY UNKNOWN\r\n", UNKNOWN),
        ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", UNKNOWN),
    ];
    for (line, expect) in good {
        let input = format!("{line}A1 NOOP\r\n");
        let seen = read(input.as_bytes()).await;
        assert_eq!(seen, Some((expect.clone(), b"A1 NOOP\r\n".to_vec())), "{line}");
    }
    let bad = [
        "",
        "PROXY ",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 143\n\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 143 9\r\n",
        "PROXY TCP4 192.0.2.7  198.51.100.1 56324 143\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 143\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +5 143\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 05 143\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7.9 198.51.100.1 1 2\r\n",
        "proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY \u{1F4E7} 192.0.2.7 198.51.100.1 1 2\r\n",
        "EHLO proxy.example.test\r\n",
    ];
    for line in bad {
        assert_eq!(read(line.as_bytes()).await, None, "{line}");
    }
    let endless = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(read(endless.as_bytes()).await, None);
}

/// Builds a version 2 header.
fn v2(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[version_command, family], &length, rest].concat()
}

fn addition(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

const V4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x03, 0xe1];

#[tokio::test]
async fn version_2() {
    let v4 = || addresses("192.0.2.7:56324", "198.51.100.1:993");
    let v6 = [
        &Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).octets()[..],
        &Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).octets(),
        &[0, 1, 0, 2],
    ]
    .concat();
    let padded = [&V4[..], &addition(0x04, &[0; 9])].concat();
    let good = [
        (v2(0x21, 0x11, &V4), v4()),
        (v2(0x21, 0x11, &padded), v4()),
        (v2(0x21, 0x21, &v6), addresses("[2001:db8::7]:1", "[2001:db8::1]:2")),
        (v2(0x20, 0x00, &[]), UNKNOWN),
        (v2(0x20, 0x11, &V4), UNKNOWN),
        (v2(0x21, 0x00, &[1, 2, 3]), UNKNOWN),
        (v2(0x21, 0x31, &[0; 216]), UNKNOWN),
    ];
    for (bytes, expect) in good {
        let input = [&bytes[..], b"\x16\x03\x01"].concat();
        let seen = read(&input).await;
        assert_eq!(seen, Some((expect, b"\x16\x03\x01".to_vec())), "{bytes:?}");
    }
    let cut_addition = [&V4[..], &[0x04, 0, 9, 1]].concat();
    let bad = [
        v2(0x21, 0x11, &V4[..11]),
        v2(0x21, 0x21, &V4),
        v2(0x11, 0x11, &V4),
        v2(0x22, 0x11, &V4),
        v2(0x21, 0x41, &V4),
        v2(0x21, 0x11, &cut_addition),
        v2(0x21, 0x11, &[0; ADDITIONS_BYTES_MAX + 1]),
        v2(0x21, 0x11, &V4)[..20].to_vec(),
        SIGNATURE.to_vec(),
    ];
    for bytes in bad {
        assert_eq!(read(&bytes).await, None, "{bytes:?}");
    }
}

#[tokio::test]
async fn version_2_tls() {
    let ssl = |client: u8, inner: &[u8]| {
        let value = [&[client, 0, 0, 0, 0][..], inner].concat();
        v2(0x21, 0x11, &[&V4[..], &addition(0x20, &value)].concat())
    };
    let names = [addition(0x21, b"TLSv1.3"), addition(0x23, b"TLS_AES_128_GCM_SHA256")].concat();
    let (header, _) = read(&ssl(1, &names)).await.unwrap();
    let facts = header.tls.unwrap();
    assert_eq!(&*facts.version, "TLSv1.3");
    assert_eq!(&*facts.cipher, "TLS_AES_128_GCM_SHA256");
    assert!(facts.at_proxy);

    let (header, _) = read(&ssl(0, &names)).await.unwrap();
    assert_eq!(header.tls, None);
    assert_eq!(read(&ssl(1, &addition(0x21, b"TLS\r\nX: y"))).await, None);
    assert_eq!(read(&ssl(1, &addition(0x23, b"")[..2])).await, None);
    let short = v2(0x21, 0x11, &[&V4[..], &addition(0x20, &[1, 0])].concat());
    assert_eq!(read(&short).await, None);
}
