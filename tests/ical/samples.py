#!/usr/bin/env python3
"""Reads, writes and stores every `.ics` and `.vcf` file below some folders.

    tests/ical/samples.py FOLDER... [--show]

Crate `ical` reads and writes each file, and looks at everything in it (example `round_trip`). Then a
daemon is given each by PUT, and asked for it again: what it takes it gives back byte for byte, what
it does not take it refuses with one precondition, and stores nothing. What a refused file holds is
given to it again piece by piece: for each UID an object without METHOD, for each card one with a
UID. The folders are checked out from public test suites, and stay outside of this repository.
"""

import argparse
import base64
import collections
import http.client
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon  # noqa: E402
from daemon import JULIE, PASSWORDS, Failure  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
KINDS = {".ics": ("calendars", "personal", "text/calendar"),
         ".vcf": ("addressbooks", "personal", "text/vcard")}
SECRET = base64.b64encode(f"{JULIE}:{PASSWORDS[JULIE]}".encode()).decode()


def samples(folders):
    return sorted(path for folder in folders for path in pathlib.Path(folder).rglob("*")
                  if path.suffix.lower() in KINDS and path.is_file())


def read_and_write(paths):
    """What the crate says of each."""
    build = ["cargo", "build", "-q", "--ignore-rust-version", "-p", "ical", "--example",
             "round_trip"]
    subprocess.run(build, cwd=ROOT, check=True)
    words = "".join(f"{path}\n" for path in paths)
    done = subprocess.run([TARGET / "debug/examples/round_trip"], input=words, text=True,
                          capture_output=True)
    told = done.stdout.splitlines()
    if done.returncode != 0:
        raise Failure(f"{paths[len(told)]}: {done.stderr}")
    return told


def blocks(lines, begin):
    """Runs of lines, each a component of the outermost level in `lines`: (name, lines)."""
    found, depth, block = [], 0, []
    for line in lines:
        word = line.strip().upper()
        if depth or word.startswith(b"BEGIN:"):
            block.append(line)
        depth += word.startswith(b"BEGIN:") - word.startswith(b"END:")
        if block and depth == 0:
            found.append((block[0].strip().upper().removeprefix(b"BEGIN:"), block))
            block = []
    return [one for one in found if begin is None or one[0] == begin]


def uid_of(block):
    """The first UID in a component, as it is written."""
    return next((line.strip() for line in block if line.upper().startswith(b"UID")), None)


def pieces(path):
    """The objects in a file, each as it could be stored."""
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    if path.suffix.lower() == ".vcf":
        for number, (_, block) in enumerate(blocks(lines, b"VCARD")):
            has_uid = uid_of(block) is not None
            yield b"".join([*block[:-1], *([] if has_uid else [b"UID:%d\r\n" % number]), block[-1]])
        return
    for _, calendar in blocks(lines, b"VCALENDAR"):
        inner = blocks(calendar[1:-1], None)
        zones = [line for name, block in inner if name == b"VTIMEZONE" for line in block]
        by_uid = collections.defaultdict(list)
        for name, block in inner:
            if name in (b"VEVENT", b"VTODO", b"VJOURNAL"):
                by_uid[uid_of(block)] += block
        for uid, block in by_uid.items():
            if uid is not None:
                yield b"".join([b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Test//EN\r\n",
                                *zones, *block, b"END:VCALENDAR\r\n"])


class Store:
    """A running daemon, one request at a time."""

    def __init__(self, server):
        self.http = http.client.HTTPConnection("127.0.0.1", server.port("http"), timeout=120)

    def ask(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request(method, path, body, {"Authorization": f"Basic {SECRET}", **headers})
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def keep(self, path, sent):
        """What becomes of an object that is stored, got back, and deleted."""
        home, collection, media_type = KINDS[path.suffix.lower()]
        url = f"/dav/{home}/{JULIE}/{collection}/sample{path.suffix.lower()}"
        status, body = self.ask("PUT", url, sent, Content_Type=media_type)
        if status == 201:
            status, got = self.ask("GET", url)
            if (status, got) != (200, sent):
                raise Failure(f"{path}: stored, and got back {status} with other bytes")
            status, _ = self.ask("DELETE", url)
            if status != 204:
                raise Failure(f"{path}: DELETE {status}")
            return "stored, the same came back"
        failed = re.findall(rb"<(?:D:)?error[^>]*>\s*<[A-Z]*:?([a-z-]+)", body)
        if not 400 <= status < 500 or len(failed) != 1:
            raise Failure(f"{path}: {status} {body[:500]}")
        status, _ = self.ask("GET", url)
        if status != 404:
            raise Failure(f"{path}: refused, and there: {status}")
        return f"refused: {failed[0].decode()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--show", action="store_true", help="name what was refused")
    options = parser.parse_args()
    paths = samples(options.folders)
    told = read_and_write(paths)
    for suffix in KINDS:
        some = [word.split(" ", 1)[0] for path, word in zip(paths, told)
                if path.suffix.lower() == suffix]
        print(f"{suffix}, read and written: {dict(collections.Counter(some))}")
    for path, word in zip(paths, told):
        if word == "different" or options.show and word.startswith("refused"):
            print(f"  {path}: {word}")
    with daemon.Daemon() as server:
        store = Store(server)
        store.ask("PROPFIND", "/dav/", Depth="0")
        kept = [store.keep(path, path.read_bytes()) for path in paths]
        parts = {suffix: collections.Counter(
            store.keep(path, piece) for path, word in zip(paths, kept)
            if path.suffix.lower() == suffix and word.startswith("refused")
            for piece in pieces(path)) for suffix in KINDS}
        server.check_store()
        server.stop()
    for suffix in KINDS:
        some = [word for path, word in zip(paths, kept) if path.suffix.lower() == suffix]
        for word, number in collections.Counter(some).most_common():
            print(f"{suffix}, by PUT: {number} {word}")
        for word, number in parts[suffix].most_common():
            print(f"{suffix}, pieces of those refused, by PUT: {number} {word}")
    if options.show:
        for path, word in zip(paths, kept):
            if word.startswith("refused"):
                print(f"  {path}: {word}")
    return 1 if "different" in told else 0


if __name__ == "__main__":
    sys.exit(main())
