use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::*;

/// A server that greets, answers each line from a table, and closes at `quit`.
async fn serve(stream: DuplexStream, number: u32) {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    write.write_all(format!("* hello {number}\r\n").as_bytes()).await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: &[u8] = match line.as_str() {
            "two" => b"* one 17\r\n* two {4}\r\na\r\n) end\r\n",
            "take" => b"* uid 4711 (x)\r\n",
            "take 4711" => b"* again 4711\r\n",
            "bytes \u{e9}" => b"caf\xe9 \\ $Forwarded\r\n",
            "lf" => b"bare\n",
            "quit" => return,
            _ => b"* what\r\n",
        };
        write.write_all(answer).await.unwrap();
    }
}

fn scene(number: u32, _: Header) -> std::future::Ready<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(1024);
    tokio::spawn(serve(theirs, number));
    std::future::ready(ours)
}

async fn play(dialog: &str) -> Result<(), String> {
    let script = Script::parse(dialog)?;
    play::play(&script, &mut scene, false).await.map(|_| ())
}

#[tokio::test]
async fn plays_a_dialog() {
    let dialog = "\
# what this shows
state: none

S: * hello 1
2 S:~ \\* hello [0-9]
C: two
S: * one 17
S: * two {4}
S: a
S: ) end
2 C: two
2 S:{
2 S: * two {4}
2 S: a
2 S: ) end
2 S:~ \\* one \\d+
2 S:}
C: take
S: * uid $uid (x)
2 C: take $uid
2 S:~ \\* again $uid
C:= bytes \\xc3\\xa9\\r\\n
S:= caf\\xe9 \\\\ $Forwarded
2 C: quit
2 eof
close
";
    play(dialog).await.unwrap();
}

#[tokio::test]
async fn says_what_differs() {
    let check = async |dialog: &str, expect: &str| {
        let failure = play(dialog).await.unwrap_err();
        assert!(failure.contains(expect), "{failure}");
    };
    check("\nS: * hello 2\n", "2: another answer\n  expected * hello 2\n       got * hello 1")
        .await;
    check("\nS: * hello 1\nC: two\nS: * one 17\n", "left over: * two {4}").await;
    check("\nS: * hello 1\nC: quit\nS: x\n", "4: the server closed").await;
    check("\nS: * hello 1\nC: lf\nS: bare\n", "ends in LF alone").await;
    check("\nS: * hello 1\nC: use $it\n", "$it stands for nothing yet").await;
    check("\nS: * hello 1\n! dance\n", "no action \"dance\"").await;
    check("\nS:{\nS: * hello 2\nS:}\n", "not in the group").await;
    check("\nS: * hello 1\nC: take\nS: * uid $a ($a)\n", "another answer").await;
}

#[test]
fn refuses_a_script_it_cannot_read() {
    let check = |dialog: &str, expect: &str| {
        assert_eq!(Script::parse(dialog).map(|_| ()), Err(expect.to_owned()));
    };
    check("no header\n", "1: expected `key: value`, or a blank line");
    check("\nX: y\n", "2: expected C:, C:=, S:, S:=, S:~, S:*~, S:{ or S:}");
    check("\nS:{\nC: x\n", "3: a group (S:{) is still open");
    check("\nS:}\n", "2: there is no group to close");
    check("\nS:= \\q\n", "2: after \\ stands r, n, t, \\ or xHH");
}

#[tokio::test]
async fn rewrites_what_differs() {
    let dialog =
        "a: b\n\nS: * hello 1\nC: two\nS: wrong\n2 S: * hello 2\n2 C: bytes \u{e9}\n2 S: no\n";
    let script = Script::parse(dialog).unwrap();
    let edits = play::play(&script, &mut scene, true).await.unwrap();
    assert_eq!(
        script::apply(dialog, &edits),
        "a: b\n\nS: * hello 1\nC: two\nS: * one 17\nS: * two {4}\nS: a\nS: ) end\n2 S: * hello 2\n\
         2 C: bytes \u{e9}\n2 S:= caf\\xe9 \\\\ $$Forwarded\n"
    );
    assert_eq!(script.header.find("a"), Some("b"));
}
