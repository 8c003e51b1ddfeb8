#!/usr/bin/env python3
"""Measures Posthorn and Dovecot in turn, with the same client and the same work.

    tests/bench/compare.py [--rounds N] [--only GROUP...] [--journal] [--write-iops N]
        [--write [--table NAME]]

Both servers run at once on this machine, each in a fresh directory on the same disk, both durable;
only one of them has work at a time. Every group of measurements goes to one server, then to the
other, in every round anew and each round in the other order, so that whatever else the machine
does meets both. A row's value is the median over all rounds. `--write` puts the table into
docs/benchmarks.md, which has more than one. `--keep` takes a directory for both servers' data that
stays and is found again: a large mailbox is filled once. Needs root and Debian's dovecot-imapd and
dovecot-lmtpd; Python's standard library is enough.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import disk
from dovecot import Dovecot
from posthorn import Posthorn

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
DOCUMENT = ROOT / "docs/benchmarks.md"

# Options that say where things are on this machine; the document has no use for them.
PLACES = ("--binary", "--keep", "--directory", "--json")

PASSWORD = "grey-lamp-over-river-7"
USER = "bench@example.test"
RECIPIENTS = [f"recipient{number}@example.test" for number in range(10)]
WATCHERS = [f"watcher{number}@example.test" for number in range(100)]
ACCOUNTS = {address: PASSWORD for address in [USER, *RECIPIENTS]}

# What has to be reached, as a ratio in Posthorn's favour; for memory, KiB.
RATIOS = {
    "LMTP, connections: 10": 10, "LMTP, connections: 64": 25,
    "APPEND, connections: 1": 1.5, "APPEND, connections: 10": 5,
    "FETCH FLAGS": 4, "FETCH ENVELOPE": 4, "FETCH BODYSTRUCTURE": 2,
    "FETCH three header fields": 2, "FETCH headers": 5.3, "FETCH bodies": 2,
    "STORE with replies": 1, "STORE silent": 0.5,
    "STORE of one message, connections: 1": 2, "STORE of one message, connections: 10": 2,
    "COPY": 4, "MOVE": 4, "EXPUNGE": 2,
    "SORT by arrival": 2, "SORT by date": 2, "SORT by subject": 2, "SORT by sender and date": 2,
    "THREAD by references": 2, "THREAD by subject": 2,
    **{f"SEARCH {key}": 100 for key in [
        "BODY absent", "BODY rare phrase", "BODY part of words", "BODY common word",
        "BODY common phrase", "BODY across words", "BODY three characters",
        "BODY two characters", "BODY one character",
        "TEXT absent", "TEXT rare", "TEXT common", "BODY, first after a start"]},
    "SEARCH SUBJECT": 5, "SEARCH FROM": 5, "SEARCH HEADER": 5, "SEARCH HEADER in all": 5,
    "SORT, first after a start": 2, "THREAD, first after a start": 2,
    "SELECT on a new connection": 1, "sign-ins, connections: 10": 3,
}
# No more than that, in the unit of the row.
MOST = {
    "idle connection, of 2000": 64,
    "waiting connections, 10000: the server's memory": 400,
    "waiting connections, 10000: told, the last": 50,
}


def groups(options):
    """Name, rounds, command line: what one server is measured on before it is the other's turn."""
    imap = ["imap", "--user", USER, "--messages", options.messages]
    smtp = ["smtp", "--messages", options.deliveries, "--rounds", 1]
    for recipient in RECIPIENTS:
        smtp += ["--recipient", recipient]
    read = [*imap, "--rounds", 5, "--tests"]
    return {
        "lmtp-1": ("lmtp", [*smtp, "--connections", 1]),
        "lmtp-10": ("lmtp", [*smtp, "--connections", 10]),
        "lmtp-64": ("lmtp", [*smtp, "--connections", 64]),
        "lmtp-data-10": ("lmtp", [*smtp, "--connections", 10, "--data"]),
        "lmtp-data-64": ("lmtp", [*smtp, "--connections", 64, "--data"]),
        "append": ("imap", [*imap, "--tests", "append", "--connections", "1,10", "--rounds", 1,
                            "--append-messages", options.deliveries]),
        "fetch": ("imap", [*read, "fetch"]),
        "store": ("imap", [*read, "store"]),
        "store-one": ("imap", [*imap, "--tests", "store-one", "--connections", "1,10",
                               "--rounds", 2, "--append-messages", options.deliveries]),
        "copy": ("imap", [*imap, "--rounds", 2, "--tests", "copy"]),
        "sort": ("imap", [*read, "sort"]),
        # Indexing some thousand messages a second ends well within the pause.
        "search": ("imap", [*read, "search", "--settle", 10 + options.messages // 1000]),
        # A server just started has nothing in memory; each of these is its first command.
        **{f"first-{what}": ("imap", [*imap, "--rounds", 1, "--tests", f"first-{what}"])
           for what in ("sort", "thread", "search")},
        "select": ("imap", [*read, "select"]),
        "sign-in": ("imap", [*imap, "--rounds", 1, "--tests", "sign-in",
                             "--sign-ins", options.sign_ins]),
        "sign-in-tls": ("imaps", [*imap, "--rounds", 1, "--tests", "sign-in", "--tls", "implicit",
                                  "--sign-ins", options.sign_ins]),
        "idle": ("imaps", [*imap, "--tests", "idle", "--tls", "implicit",
                           "--idle-connections", options.idle]),
        "watch": ("imaps", [*imap, "--tests", "watch", "--tls", "implicit",
                            "--watching-connections", options.watching,
                            *(word for address in WATCHERS for word in ("--watcher", address))]),
    }


def measure(binary, server, listener, arguments):
    """One run of the client against one server; its rows."""
    words = [binary, "bench", *arguments, "--port", server.port(listener), "--json", "-"]
    if arguments[0] == "imap":
        words += ["--password-stdin", "--pid", server.pid]
    if "watch" in arguments:
        words += ["--lmtp-port", server.port("lmtp")]
    done = subprocess.run([str(word) for word in words], input=PASSWORD + "\n",
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: {' '.join(map(str, words))}\n{done.stderr}")
    report = json.loads(done.stdout)
    for row in report["rows"]:
        if arguments[0] == "imap" and "--tls" in arguments and "sign-ins" in row["name"]:
            row["name"] += ", TLS"
    return report["rows"]


class Row:
    """One measured thing on both servers."""

    def __init__(self, name, unit):
        self.name = name
        self.unit = unit
        self.runs = {}
        self.found = None

    def check_found(self, server, found):
        """Times of servers that found different things are not compared."""
        if found is None:
            return
        if self.found is None:
            self.found = (server.name, found)
        if self.found[1] != found:
            raise SystemExit(f"{self.name}: {self.found[0]} found {self.found[1]}, "
                             f"{server.name} {found}")

    def median(self, server):
        return statistics.median(self.runs[server]) if self.runs.get(server) else None

    def ratio(self):
        """How much better Posthorn is; None where only one of them was measured."""
        ours, theirs = self.median("Posthorn"), self.median("Dovecot")
        if not ours or not theirs:
            return None
        return ours / theirs if self.unit.endswith("/s") else theirs / ours

    def goal(self):
        if self.name in MOST:
            return f"≤ {MOST[self.name]} {self.unit.removesuffix('/connection')}"
        return f"≥ {RATIOS[self.name]}×" if self.name in RATIOS else ""

    def reached(self):
        ours, ratio = self.median("Posthorn"), self.ratio()
        if not self.goal() or ours is None:
            return ""
        if self.name in MOST:
            return "yes" if ours <= MOST[self.name] else "no"
        if ratio is None:
            return ""
        return "yes" if ratio >= RATIOS[self.name] else "no"

    def cells(self):
        ratio = self.ratio()
        return [self.name, self.unit, number(self.median("Posthorn")),
                number(self.median("Dovecot")), "" if ratio is None else f"{number(ratio)}×",
                self.goal(), self.reached()]


HEADINGS = ["measured", "unit", "Posthorn", "Dovecot", "ratio", "goal", "reached"]


def number(value):
    """Three digits; more would be noise."""
    if value is None:
        return ""
    size = abs(value)
    return f"{value:.{2 if size < 10 else 1 if size < 100 else 0}f}"


def own_server(options, server, group):
    """A fresh Posthorn with the watchers' accounts where the group wants one, else the server."""
    if group != "watch":
        return contextlib.nullcontext(server)
    accounts = {address: PASSWORD for address in [USER, *WATCHERS]}
    return Posthorn(options.binary, server.directory.parent / "watched", accounts)


def run(options, servers):
    """All groups, `rounds` times, the servers in turn; the rows in order."""
    rows = {}
    wanted = {name: what for name, what in groups(options).items()
              if not options.only or any(name.startswith(only) for only in options.only)}
    for round_number in range(options.rounds):
        for number_in_round, (name, (listener, arguments)) in enumerate(wanted.items()):
            seed = 1 + round_number * len(wanted) + number_in_round
            # Memory is measured once: a server that keeps freed memory would look better later.
            if name in ("idle", "watch") and round_number > 0:
                continue
            turn = servers if round_number % 2 == 0 else servers[::-1]
            for server in turn:
                # All the memory counts, so this daemon has done nothing else. Dovecot has a process
                # for each connection, which this machine has no room for.
                if name == "watch" and server.name != "Posthorn":
                    continue
                if name.startswith("first-"):
                    server.restart()
                words = arguments
                if name.startswith(("lmtp", "append")):
                    # A message that came before is kept once, and its body not written again.
                    words = [*arguments, "--seed", seed + 1]
                with own_server(options, server, name) as measured:
                    found = measure(options.binary, measured, listener, words)
                for row in found:
                    known = rows.setdefault(row["name"], Row(row["name"], row["unit"]))
                    known.runs.setdefault(server.name, []).extend(row["runs"])
                    known.check_found(server, row.get("found"))
            print(f"round {round_number + 1} of {options.rounds}: {name}", file=sys.stderr,
                  flush=True)
    return list(rows.values())


def plain(rows):
    table = [HEADINGS] + [row.cells() for row in rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in table)


def machine():
    """Processor, memory, kernel, in a line."""
    with contextlib.suppress(OSError, StopIteration):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return (f"{os.cpu_count()} × {model}, {memory:.0f} GiB, "
                f"{platform.system()} {platform.release()}")
    return platform.platform()


def sync_milliseconds(directory):
    """What the disk itself takes to make 4 KiB durable: the bound of all single writes."""
    times = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(200):
            start = datetime.datetime.now()
            os.write(file.fileno(), b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((datetime.datetime.now() - start).total_seconds() * 1000)
    return statistics.median(times)


def words_of_call():
    """As the program was called, but for where this machine keeps the data."""
    words, skip = [], False
    for word in sys.argv[1:]:
        if not skip and word not in PLACES:
            words.append(word)
        skip = word in PLACES
    return words


def section(options, rows, versions, sync):
    """The part of docs/benchmarks.md that this program writes."""
    command = " ".join(["tests/bench/compare.py", *words_of_call()])
    lines = [
        marks(options.table)[0],
        f"Measured on {datetime.date.today().isoformat()}: {versions[0]} and {versions[1]}, in turn "
        f"in one run.",
        f"Machine: {machine()}; one fdatasync of 4 KiB takes {number(sync)} ms{disk.in_words(options)}. "
        f"{options.messages} messages of 8 KiB in the mailbox, {options.deliveries} in a run of "
        f"APPEND or LMTP; medians of {options.rounds} rounds.",
        "",
        "```sh", "cargo build --release --ignore-rust-version -p posthorn", command, "```",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join([*lines, marks(options.table)[1]])


def marks(table):
    """The lines around a table that this program writes."""
    return [f"<!-- written by tests/bench/compare.py, {table}: {end} -->"
            for end in ("start", "end")]


def write(table, text):
    document = DOCUMENT.read_text()
    start, end = marks(table)
    if start not in document or end not in document:
        raise SystemExit(f"{DOCUMENT} has no table {table}: {start}")
    before, _, rest = document.partition(start)
    _, _, after = rest.partition(end)
    DOCUMENT.write_text(before + text + after)


def arguments():
    parser = argparse.ArgumentParser(description="Posthorn and Dovecot in turn")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn",
                        help="the Posthorn measured, whose client measures both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=5000, help="in the mailbox that is read")
    parser.add_argument("--deliveries", type=int, default=1000, help="messages of one run")
    parser.add_argument("--sign-ins", type=int, default=500, help="of one run")
    parser.add_argument("--idle", type=int, default=2000, help="idle connections")
    parser.add_argument("--watching", type=int, default=10000, help="connections that wait")
    parser.add_argument("--only", nargs="+", default=[], metavar="GROUP",
                        help="groups whose name starts so, such as lmtp fetch copy")
    parser.add_argument("--server", choices=["posthorn", "dovecot"], help="only this one")
    disk.add_options(parser)
    parser.add_argument("--json", type=pathlib.Path, help="all runs of all rows, to this file")
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    parser.add_argument("--table", default="all", help="which one of the document")
    return parser.parse_args()


def main():
    options = arguments()
    if not options.binary.is_file():
        raise SystemExit(f"{options.binary} is missing: "
                         "cargo build --release --ignore-rust-version -p posthorn")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(disk.data_directory(options))
        makers = {
            "posthorn": lambda: Posthorn(options.binary, directory / "posthorn", ACCOUNTS),
            "dovecot": lambda: Dovecot(directory / "dovecot", ACCOUNTS),
        }
        servers = [stack.enter_context(make()) for name, make in makers.items()
                   if options.server in (None, name)]
        sync = sync_milliseconds(directory)
        versions = [server.version() for server in servers]
        rows = run(options, servers)
    print(plain(rows))
    if options.json:
        runs = [{"name": row.name, "unit": row.unit, "runs": row.runs} for row in rows]
        options.json.write_text(json.dumps(runs, indent=1) + "\n")
    if options.write and len(servers) == 2:
        write(options.table, section(options, rows, versions, sync))


if __name__ == "__main__":
    main()
