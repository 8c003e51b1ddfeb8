#!/usr/bin/env python3
"""Clients that change one calendar at once, while the daemon is killed with SIGKILL.

    tests/crash/dav.py [--rounds N] [--clients N] [--engine sqlite|postgres] [--seed S]

Every client makes, changes, moves and deletes objects of the same few names, each change under
the condition that nothing else happened meanwhile (If-Match, If-None-Match, Overwrite: F), and
follows the collection with sync-collection from its own token, at times cut by a limit. Every
state of an object carries a mark of its own. After each restart:

- a state that was acknowledged is there, or was replaced or deleted by exactly one client that had
  seen it: no update is lost, and none happened twice;
- a change that broke happened whole or not at all;
- every client's copy, brought up to date from the token it had, is what the collection has;
- `posthorn check-store` is clean.
"""

import argparse
import base64
import contextlib
import http.client
import pathlib
import random
import re
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon  # noqa: E402
from daemon import Failure, JULIE, PASSWORDS  # noqa: E402

FOLDER = f"/dav/calendars/{JULIE}/shared/"
NAMES = [f"n{number}.ics" for number in range(30)]
SECRET = base64.b64encode(f"{JULIE}:{PASSWORDS[JULIE]}".encode()).decode()

# What a broken connection looks like from this side.
BROKEN = (OSError, EOFError, http.client.HTTPException)

# What a change that comes too late is told.
TOO_LATE = {404, 412}

# LIMIT: no answer of a healthy daemon takes this long, not even on a loaded machine.
PATIENCE = 120

DAV = "{DAV:}"


def event(uid, mark):
    """Large enough now and then that it does not stand in its row."""
    note = "x" * (20_000 if mark.endswith("7") else 20)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Test//EN", "BEGIN:VEVENT",
             f"UID:{uid}", "DTSTAMP:20261127T090000Z", "DTSTART:20270301T100000Z", "DURATION:PT1H",
             f"SUMMARY:{mark}", f"DESCRIPTION:{note}", "END:VEVENT", "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


def marked(body):
    """The UID and the mark of a state."""
    uid = re.search(rb"^UID:(\S+)\r$", body, re.M).group(1).decode()
    mark = re.search(rb"^SUMMARY:(\S+)\r$", body, re.M).group(1).decode()
    if body != event(uid, mark):
        raise Failure(f"{mark} has other bytes than it was written with")
    return uid, mark


class Connection:
    """One client's connection; a failure of the network is an exception of BROKEN."""

    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def ask(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request(method, path, body, {"Authorization": f"Basic {SECRET}", **headers})
        answer = self.http.getresponse()
        return answer.status, answer.headers, answer.read()

    def close(self):
        self.http.close()


def responses(body):
    """A multistatus: {name: etag or None where it is gone}, whether it is cut, the token."""
    root = ElementTree.fromstring(body)
    found, cut = {}, False
    for response in root.findall(f"{DAV}response"):
        href = response.find(f"{DAV}href").text
        status = response.find(f"{DAV}status")
        if href == FOLDER:
            cut = cut or (status is not None and " 507 " in status.text)
            continue
        name = href.removeprefix(FOLDER)
        if status is not None:
            if " 404 " not in status.text:
                raise Failure(f"{href}: {status.text}")
            found[name] = None
        else:
            found[name] = response.find(f".//{DAV}getetag").text
    token = root.find(f"{DAV}sync-token")
    return found, cut, None if token is None else token.text


def listing(connection):
    """All names with their etags, as PROPFIND has them."""
    status, _, body = connection.ask(
        "PROPFIND", FOLDER, b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>', Depth="1")
    if status != 207:
        raise Failure(f"PROPFIND: {status} {body[:300]}")
    return responses(body)[0]


class Client:
    """One of many on the same collection, with its copy of it and a ledger of what it was told."""

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.count = 0
        self.token = None
        self.copy = {}
        # States that this client made and replaced or deleted, as acknowledged.
        self.made, self.ended = [], []
        # What it was doing when the connection broke, as (mark that ends, mark that is made).
        self.broken = []
        self.acknowledged = self.late = self.syncs = self.broke = 0
        self.error = None

    def mark(self):
        self.count += 1
        return f"c{self.number}-{self.count}"

    def run(self, port):
        connection = Connection(port)
        try:
            while True:
                self.step(connection)
        except BROKEN:
            pass
        except Failure as failure:
            self.error = failure
        finally:
            connection.close()

    def step(self, connection):
        kind = self.random.choices(["make", "change", "move", "delete", "sync"], [4, 8, 2, 3, 3])[0]
        if kind == "sync":
            self.sync(connection, self.random.choice([None, None, 3]))
            return
        name = self.random.choice(NAMES)
        if kind == "make":
            mark = self.mark()
            self.change(None, mark, lambda: connection.ask(
                "PUT", FOLDER + name, event(f"of-{mark}", mark), If_None_Match="*"), {201})
            return
        status, headers, body = connection.ask("GET", FOLDER + name)
        if status == 404:
            return
        if status != 200:
            raise Failure(f"GET: {status} {body[:300]}")
        uid, seen = marked(body)
        etag = headers["ETag"]
        if kind == "change":
            mark = self.mark()
            self.change(seen, mark, lambda: connection.ask(
                "PUT", FOLDER + name, event(uid, mark), If_Match=etag), {204})
        elif kind == "delete":
            self.change(seen, None, lambda: connection.ask(
                "DELETE", FOLDER + name, If_Match=etag), {204})
        else:
            self.change(None, None, lambda: connection.ask(
                "MOVE", FOLDER + name, If_Match=etag, Overwrite="F",
                Destination=FOLDER + self.random.choice(NAMES)), {201, 403})

    def change(self, ends, makes, ask, wanted):
        """A change that ends a state, makes one, both, or (as a move does) neither."""
        try:
            status, _, body = ask()
        except BROKEN:
            self.broken.append((ends, makes))
            raise
        if status in TOO_LATE:
            self.late += 1
            return
        if status not in wanted:
            raise Failure(f"{ends} -> {makes}: {status} {body[:300]}")
        self.acknowledged += 1
        if ends:
            self.ended.append(ends)
        if makes:
            self.made.append(makes)

    def sync(self, connection, limit=None):
        """One report; whether there is more."""
        token = f"<sync-token>{self.token or ''}</sync-token>"
        limited = f"<limit><nresults>{limit}</nresults></limit>" if limit and self.token else ""
        status, _, body = connection.ask(
            "REPORT", FOLDER,
            f'<sync-collection xmlns="DAV:">{token}<sync-level>1</sync-level>{limited}'
            "<prop><getetag/></prop></sync-collection>".encode())
        if status != 207:
            raise Failure(f"sync-collection from {self.token}: {status} {body[:300]}")
        found, cut, self.token = responses(body)
        for name, etag in found.items():
            if etag is None:
                self.copy.pop(name, None)
            else:
                self.copy[name] = etag
        self.syncs += 1
        return cut


def check_copies(connection, clients):
    """Every client, from its own token on, comes to the same."""
    there = listing(connection)
    for client in clients:
        # A move is two changes at once, of which there cannot be told one alone (RFC 6578 §3.7).
        limit = client.random.choice([None, 2, 5])
        for _ in range(10_000):
            if not client.sync(connection, limit):
                break
        if client.copy != there:
            raise Failure(f"client {client.number} has {sorted(client.copy.items())}\n"
                          f"the collection {sorted(there.items())}")
    return there


def load_marks(connection, there):
    """The states that are there, each with the bytes it was written with and the etag listed."""
    current = set()
    for name, etag in there.items():
        status, headers, body = connection.ask("GET", FOLDER + name)
        if status != 200 or headers["ETag"] != etag:
            raise Failure(f"{name}: {status} {headers['ETag']}, listed with {etag}")
        mark = marked(body)[1]
        if mark in current:
            raise Failure(f"{mark} is there twice")
        current.add(mark)
    return current


def settle(clients, current):
    """What broke is decided now: it happened, or it did not."""
    known = current | {mark for client in clients for mark in client.ended}
    waiting = [(client, *pair) for client in clients for pair in client.broken]
    for client in clients:
        client.broke += len(client.broken)
        client.broken = []
    # What made something that is there, or that somebody ended, has happened; so has, then, what
    # made what that ended.
    while happened := [one for one in waiting if one[2] in known]:
        waiting = [one for one in waiting if one not in happened]
        for client, ends, makes in happened:
            client.made.append(makes)
            if ends:
                client.ended.append(ends)
                known.add(ends)
    # Whatever is gone at nobody's acknowledged word, one of those that broke has ended.
    for client, ends, _ in waiting:
        if ends and ends not in known:
            client.ended.append(ends)
            known.add(ends)


def check_states(clients, current):
    """What was acknowledged is there, or was ended by exactly one who had seen it."""
    made = [mark for client in clients for mark in client.made]
    ended = [mark for client in clients for mark in client.ended]
    if len(ended) != len(set(ended)):
        twice = sorted({mark for mark in ended if ended.count(mark) > 1})
        raise Failure(f"replaced or deleted by two who both were told so: {twice}")
    if lost := set(made) - current - set(ended):
        raise Failure(f"acknowledged and lost: {sorted(lost)}")
    if back := current & set(ended):
        raise Failure(f"replaced or deleted, and there again: {sorted(back)}")
    if strange := (current | set(ended)) - set(made):
        raise Failure(f"there, and nobody made it: {sorted(strange)}")


def one_round(server, clients, generator):
    port = server.port("http")
    threads = [threading.Thread(target=client.run, args=(port,)) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(generator.uniform(0.3, 3.0))
    if not server.alive():
        raise Failure(f"the daemon ended by itself:\n{server.tail()}")
    server.kill()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.error:
            raise client.error
    server.start()
    with contextlib.closing(Connection(port)) as connection:
        there = check_copies(connection, clients)
        current = load_marks(connection, there)
    settle(clients, current)
    check_states(clients, current)
    server.check_store()


def prepare(server):
    with contextlib.closing(Connection(server.port("http"))) as connection:
        status, _, body = connection.ask("MKCALENDAR", FOLDER)
        if status != 201:
            raise Failure(f"MKCALENDAR: {status} {body[:300]}")


def main():
    parser = argparse.ArgumentParser(description="kill -9 under clients of CalDAV")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--engine", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    generator = random.Random(options.seed)
    clients = [Client(number, options.seed) for number in range(options.clients)]
    label = f"crash::dav::{options.engine}"
    print(f"\nrunning 1 test ({label}, --seed {options.seed})", flush=True)
    begun = time.monotonic()
    with daemon.Daemon(options.engine) as server:
        try:
            prepare(server)
            for _ in range(options.rounds):
                one_round(server, clients, generator)
            server.stop()
            server.check_store()
        except Failure as failure:
            print(f"test {label} ... FAILED\n\n{failure}\n-- daemon --\n{server.tail()}\n\n"
                  f"replay with --seed {options.seed}\n\ntest result: FAILED. 0 passed; 1 failed; "
                  f"0 ignored", flush=True)
            sys.exit(1)
    total = {what: sum(getattr(client, what) for client in clients)
             for what in ("acknowledged", "late", "broke", "syncs")}
    print(f"test {label} ... ok ({options.rounds} kills, {total['acknowledged']} changes "
          f"acknowledged, {total['late']} refused because of another's, {total['broke']} broken, "
          f"{total['syncs']} reports)\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; finished "
          f"in {time.monotonic() - begun:.2f}s", flush=True)


main()
