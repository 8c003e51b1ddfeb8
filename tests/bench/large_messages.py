#!/usr/bin/env python3
"""Measures what memory a Posthorn takes whose clients all read a very large message at once.

    tests/bench/large_messages.py [--clients 50] [--megabytes 50]

One message of base64 lies in INBOX. The clients sign in, ask for it whole (RETR over POP3, BODY[] over
IMAP), and read it slowly at first, so that all of them are in the middle of it at the same time. Each
has to get every byte. The memory is the most the server's process held itself meanwhile, pages of files
not counted. Linux only.
"""

import argparse
import base64
import hashlib
import pathlib
import random
import re
import shutil
import socket
import tempfile
import threading
import time

from compare import PASSWORD, TARGET, USER
from posthorn import Posthorn

PIECE = 1024 * 1024
# What each client has read when it waits for the others.
PAUSE_AT = 4 * PIECE


def message(megabytes):
    """A message with one attachment that no compression makes small."""
    noise = base64.encodebytes(random.Random(1).randbytes(megabytes * 1_000_000 * 57 // 78))
    head = ("Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\n").encode()
    return head + noise.replace(b"\n", b"\r\n")


class Client:
    """A socket that reads lines and counted bytes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def ask(self, line, until):
        """Sends a line and reads up to the line that begins with `until`."""
        self.socket.sendall(line.encode() + b"\r\n")
        return self.wait(until)

    def wait(self, until):
        while True:
            line = self.file.readline()
            if line.startswith(until):
                return line
            if not line or line.startswith((b"-ERR", b"a NO", b"a BAD")):
                raise SystemExit(f"instead of {until}: {line}")

    def read(self, count, together):
        """Reads so many bytes, waiting for the other clients on the way; their hash."""
        digest, left = hashlib.sha256(), count
        while left:
            piece = self.file.read(min(PIECE, left))
            if not piece:
                raise SystemExit(f"the server ended {left} bytes too early")
            digest.update(piece)
            if count - left < PAUSE_AT <= count - left + len(piece):
                together.wait()
            left -= len(piece)
        return digest.hexdigest()


def imap(port, size, together):
    client = Client(port)
    client.wait(b"* OK")
    client.ask(f'a LOGIN {USER} "{PASSWORD}"', b"a OK")
    client.ask("a EXAMINE INBOX", b"a OK")
    client.ask("a FETCH 1 BODY.PEEK[]", b"* 1 FETCH")
    digest = client.read(size, together)
    client.wait(b"a OK")
    return digest


def pop3(port, size, together):
    client = Client(port)
    client.wait(b"+OK")
    client.ask(f"USER {USER}", b"+OK")
    client.ask(f"PASS {PASSWORD}", b"+OK")
    client.ask("RETR 1", b"+OK")
    # Base64 has no line that begins with a dot.
    digest = client.read(size, together)
    client.wait(b".")
    return digest


def memory_kib(server, what):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE).group(1))


def measure(server, read, protocol, options, expected):
    """The most memory while all clients read, before it, and the seconds that took."""
    # The first of them finds the server idle; it stays so until all are in the middle.
    before, most, done = memory_kib(server, "RssAnon"), [0], threading.Event()

    def watch():
        while not done.wait(0.05):
            most[0] = max(most[0], memory_kib(server, "RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    together, size = threading.Barrier(options.clients), len(expected)
    started = time.monotonic()
    digests = []

    def run():
        try:
            digests.append(read(server.port(protocol), size, together))
        except BaseException:
            together.abort()
            raise

    clients = [threading.Thread(target=run) for _ in range(options.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.monotonic() - started
    done.set()
    watcher.join()
    if len(digests) != options.clients or set(digests) != {hashlib.sha256(expected).hexdigest()}:
        raise SystemExit(f"{protocol}: not every client got the message")
    return before / 1024, most[0] / 1024, seconds


def main():
    parser = argparse.ArgumentParser(description="Memory while large messages are read")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--directory", default="/var/tmp", help="where the data is kept meanwhile")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="posthorn-large-", dir=options.directory))
    text = message(options.megabytes)
    try:
        server = Posthorn(options.binary, directory / "posthorn", {USER: PASSWORD})
        with server:
            client = Client(server.port("imap"))
            client.wait(b"* OK")
            client.ask(f'a LOGIN {USER} "{PASSWORD}"', b"a OK")
            client.ask(f"a APPEND INBOX {{{len(text)}}}", b"+")
            client.socket.sendall(text + b"\r\n")
            client.wait(b"a OK")
        for protocol, read in (("imap", imap), ("pop3", pop3)):
            with server:
                before, most, seconds = measure(server, read, protocol, options, text)
                print(f"{protocol}: {options.clients} clients, {len(text) / 1e6:.0f} MB each: "
                      f"{most:.0f} MiB at most, {before:.0f} before, {seconds:.1f} s", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
