#!/usr/bin/env python3
"""Measures calendars and address books over HTTP: Posthorn, Radicale, Xandikos and Cyrus in turn.

    tests/bench/dav.py [--objects N] [--keep DIRECTORY] [--only SERVER...] [--rows NAME...]
        [--journal] [--write-iops N] [--write [--table NAME]]

Each server has a calendar with as many events, a tenth of them recurring, and an address book with
as many cards, and is sent the same requests by `posthorn bench http`, one server at a time, each of
them idle before. Answers are read whole, and what is in them is counted and shown. `--keep` takes a
directory for the servers' data that stays and is found again: filling takes minutes.
"""

import argparse
import datetime
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys

import compare
import disk
from dav_peers import Cyrus, PosthornDav, Radicale, Xandikos

WEEK = ("20270301T000000Z", "20270308T000000Z")
PREFIXES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" ' \
           'xmlns:A="urn:ietf:params:xml:ns:carddav"'

# What has to be reached: milliseconds at most, or requests a second and times the best peer.
MOST = {"a week, calendar-query": 5, "a week, expanded": 8, "multiget of 500": 10,
        "sync after 10 changes": 2, "text-match over all cards": 10, "all etags, PROPFIND": 60}
LEAST = {"PUT, connections: 8": (1000, 50), "GET, connections: 8": (8000, 10)}


def event(number, note=""):
    """Over three years; every tenth recurs."""
    generator = random.Random(number)
    start = datetime.datetime(2026, 1, 1) + datetime.timedelta(
        minutes=15 * generator.randint(0, 3 * 365 * 96))
    rule = generator.choice(["FREQ=WEEKLY;COUNT=20", "FREQ=MONTHLY", "FREQ=YEARLY",
                             "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20300101T000000Z"])
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//E//E//EN", "BEGIN:VEVENT",
             f"UID:event-{number}", "DTSTAMP:20261127T090000Z", f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
             "DURATION:PT1H", *([f"RRULE:{rule}"] if number % 10 == 0 else []),
             f"SUMMARY:Event {number}{note}", "LOCATION:Room " + str(number % 50),
             "DESCRIPTION:" + " ".join(generator.choices(WORDS, k=40))[:60], "END:VEVENT",
             "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


WORDS = ["amber", "birch", "cloud", "delta", "ember", "fjord", "grove", "harbour", "island"]


def card(number):
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:card-{number}", f"FN:Person {number} Example",
             f"N:Example;Person {number};;;", f"EMAIL;TYPE=work:person{number}@example.test",
             f"TEL;TYPE=cell:+49 30 {number:07}", "ORG:Example", "END:VCARD", ""]
    return "\r\n".join(lines).encode()


def query(filter_, data):
    return (f'<C:calendar-query {PREFIXES}><prop><getetag/>{data}</prop><C:filter>'
            f'<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{filter_}'
            "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>").encode()


class Plan:
    """What is measured on a server, row by row: (name, requests, options of the client)."""

    def __init__(self, server, options):
        self.server = server
        self.options = options
        self.generator = random.Random(4)

    def share(self, number):
        return max(int(number * self.server.share), 24)

    def name(self, number):
        return f"event-{number}.ics"

    def some(self, number):
        return [self.generator.randrange(self.options.objects) for _ in range(number)]

    def report(self, path, body, depth="1"):
        return [self.server.head("REPORT", path, body, Depth=depth,
                                 Content_Type="application/xml")]

    def gets(self):
        return [self.server.head("GET", self.server.calendar + self.name(number), b"")
                for number in self.some(self.share(20_000))]

    def puts(self):
        """Changes: a calendar that is used grows little and changes much."""
        stamp = f", {datetime.datetime.now():%H:%M:%S.%f}"
        numbers = self.generator.sample(range(self.options.objects),
                                        min(self.share(4_000), self.options.objects))
        return [self.server.head("PUT", self.server.calendar + self.name(number),
                                 event(number, stamp), Content_Type="text/calendar")
                for number in numbers]

    def etags(self):
        body = f"<propfind {PREFIXES}><prop><getetag/></prop></propfind>".encode()
        return [self.server.head("PROPFIND", self.server.calendar, body, Depth="1",
                                 Content_Type="application/xml")]

    def week(self, expand):
        start, end = WEEK
        inner = f'<C:expand start="{start}" end="{end}"/>' if expand else ""
        data = f"<C:calendar-data>{inner}</C:calendar-data>"
        range_ = f'<C:time-range start="{start}" end="{end}"/>'
        return self.report(self.server.calendar, query(range_, data))

    def multiget(self):
        hrefs = "".join(f"<href>{self.server.calendar}{self.name(number)}</href>"
                        for number in self.generator.sample(range(self.options.objects), 500))
        return self.report(self.server.calendar, (
            f"<C:calendar-multiget {PREFIXES}><prop><getetag/><C:calendar-data/></prop>{hrefs}"
            "</C:calendar-multiget>").encode())

    def sync(self):
        """From a token before ten changes."""
        body = f"<propfind {PREFIXES}><prop><sync-token/></prop></propfind>".encode()
        told = self.server.need({207}, "PROPFIND", self.server.calendar, body, Depth="0",
                                Content_Type="application/xml")
        token = re.search(rb"sync-token[^>]*>([^<]+)<", told).group(1).decode()
        stamp = f", {datetime.datetime.now():%H:%M:%S.%f}"
        for number in self.generator.sample(range(self.options.objects), 10):
            self.server.need({201, 204}, "PUT", self.server.calendar + self.name(number),
                             event(number, stamp), Content_Type="text/calendar")
        return self.report(self.server.calendar, (
            f"<sync-collection {PREFIXES}><sync-token>{token}</sync-token>"
            "<sync-level>1</sync-level><prop><getetag/></prop></sync-collection>").encode(), "0")

    def text_match(self):
        return self.report(self.server.book, (
            f"<A:addressbook-query {PREFIXES}><prop><getetag/><A:address-data/></prop><A:filter>"
            '<A:prop-filter name="FN"><A:text-match collation="i;unicode-casemap" '
            'match-type="contains">person 77</A:text-match></A:prop-filter></A:filter>'
            "</A:addressbook-query>").encode())

    def rows(self):
        timed = ["--count", "response>"]
        yield "all etags, PROPFIND", self.etags, timed
        yield "a week, calendar-query", lambda: self.week(False), timed
        yield "a week, expanded", lambda: self.week(True), timed
        yield "multiget of 500", self.multiget, timed
        yield "sync after 10 changes", self.sync, timed
        yield "text-match over all cards", self.text_match, timed
        yield "GET", self.gets, ["--connections", 8]
        yield "PUT", self.puts, ["--connections", 8]

    def measure(self, binary, directory):
        """Every row of this server."""
        for name, requests, options in self.rows():
            if self.options.rows and not name.startswith(tuple(self.options.rows)):
                continue
            file = directory / "requests"
            with open(file, "wb") as out:
                for request in requests():
                    out.write(b"%d\n" % len(request) + request)
            # A server that takes seconds shows nothing new the tenth time.
            rounds = 1 if "--connections" in options else self.server.repeats
            command = [binary, "bench", "http", "--port", self.server.port("http"), "--requests",
                       file, "--name", name, "--status", "200,201,204,207", "--rounds", rounds,
                       "--json", "-", *options]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode != 0:
                print(f"{self.server.name}: {name}: {done.stderr}", file=sys.stderr)
                continue
            [row] = json.loads(done.stdout)["rows"]
            print(f"{self.server.name}: {row['name']}: {row['median']:.2f} {row['unit']}",
                  file=sys.stderr, flush=True)
            yield row


class Row:
    def __init__(self, row):
        self.name, self.unit, self.runs, self.found = row["name"], row["unit"], {}, {}

    def add(self, server, row):
        self.runs.setdefault(server, []).extend(row["runs"])
        # An element is begun and ended.
        self.found[server] = row.get("found", 0) // 2

    def median(self, server):
        return statistics.median(self.runs[server]) if server in self.runs else None

    def ratio(self):
        """How much better Posthorn is than the best of the others."""
        ours = self.median("Posthorn")
        others = [self.median(name) for name in self.runs if name != "Posthorn"]
        if ours is None or not others:
            return None
        return ours / max(others) if self.unit.endswith("/s") else min(others) / ours

    def goal(self):
        if self.name in MOST:
            return f"≤ {MOST[self.name]} ms"
        least, times = LEAST[self.name]
        return f"≥ {least}/s, ≥ {times}×"

    def reached(self):
        ours, ratio = self.median("Posthorn"), self.ratio()
        if ours is None:
            return ""
        if self.name in MOST:
            return "yes" if ours <= MOST[self.name] else "no"
        least, times = LEAST[self.name]
        return "yes" if ours >= least and (ratio is None or ratio >= times) else "no"

    def cell(self, server):
        found = self.found.get(server)
        shown = compare.number(self.median(server))
        return f"{shown} ({found})" if found and server in self.runs else shown

    def cells(self, servers):
        ratio = self.ratio()
        return [self.name, self.unit, *(self.cell(server) for server in servers),
                "" if ratio is None else f"{compare.number(ratio)}×", self.goal(), self.reached()]


def table(rows, servers):
    headings = ["measured", "unit", *servers, "beside the best", "goal", "reached"]
    lines = ["| " + " | ".join(headings) + " |", "|---" * 2 + "|--:" * (len(servers) + 1)
             + "|---" * 2 + "|"]
    return lines + ["| " + " | ".join(row.cells(servers)) + " |" for row in rows]


def section(options, rows, servers, versions, sync):
    command = " ".join(["tests/bench/dav.py", *compare.words_of_call()])
    return "\n".join([
        marks(options.table)[0],
        f"Measured on {datetime.date.today().isoformat()}, in turn in one run: "
        + "; ".join(versions) + ".",
        f"Machine: {compare.machine()}; one fdatasync of 4 KiB takes {compare.number(sync)} ms{disk.in_words(options)}. "
        f"{options.objects} events, a tenth of them recurring, and {options.objects} cards.",
        "", "```sh", "cargo build --release --ignore-rust-version -p posthorn", command, "```", "",
        *table(rows, servers), marks(options.table)[1]])


def marks(name):
    return [f"<!-- written by tests/bench/dav.py, {name}: {end} -->" for end in ("start", "end")]


def write(text, name):
    first, last = marks(name)
    document = compare.DOCUMENT.read_text()
    before, _, rest = document.partition(first)
    _, found, after = rest.partition(last)
    if not found:
        raise SystemExit(f"{compare.DOCUMENT} has no {first}")
    compare.DOCUMENT.write_text(before + text + after)


def main():
    parser = argparse.ArgumentParser(description="calendars and address books over HTTP")
    parser.add_argument("--binary", type=pathlib.Path, default=compare.TARGET / "release/posthorn")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], metavar="SERVER")
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME",
                        help="rows whose name starts so, such as PUT")
    disk.add_options(parser)
    parser.add_argument("--fill", action="store_true", help="fill the servers, measure nothing")
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    parser.add_argument("--table", default="all", help="which one of the document")
    options = parser.parse_args()
    with disk.data_directory(options) as directory:
        servers, rows, versions = measured(options, directory)
        sync = compare.sync_milliseconds(directory)
    names = [server.name for server in servers]
    print("\n".join(table(rows.values(), names)))
    if options.write:
        write(section(options, rows.values(), names, versions, sync), options.table)


def measured(options, directory):
    """Each server in turn, forth and back; those that are not filled yet are filled first."""
    makers = [lambda path: PosthornDav(options.binary, path), Radicale, Xandikos, Cyrus]
    servers = [make(directory / name) for make, name in
               zip(makers, ["posthorn", "radicale", "xandikos", "cyrus"])
               if not options.only or name in options.only]
    rows, versions = {}, []
    for number in range(options.rounds):
        for server in servers[::-1] if number % 2 else servers:
            with server:
                filled = server.directory / "filled"
                if not filled.exists():
                    server.fill([(f"event-{n}.ics", event(n)) for n in range(options.objects)],
                                [(f"card-{n}.vcf", card(n)) for n in range(options.objects)])
                    filled.write_text(str(options.objects))
                if options.fill:
                    continue
                if number == 0:
                    versions.append(server.version())
                for row in Plan(server, options).measure(options.binary, directory):
                    rows.setdefault(row["name"], Row(row)).add(server.name, row)
    return servers, rows, versions


if __name__ == "__main__":
    main()
