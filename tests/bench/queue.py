#!/usr/bin/env python3
"""Measures how fast Posthorn and Postfix pass mail on: into the queue, and out of it.

    tests/bench/queue.py [--messages N] [--connections N] [--rounds N] [--journal]
        [--write [--table NAME]]

Both run at once, each in a fresh directory on the same disk, both durable, and have work in turn, A
B B A. One client hands the same messages to either, the next on a connection when the last is
acknowledged: to Postfix as from a network of its own, to Posthorn signed in on submission; with DATA,
as Postfix's answers to BDAT wait for the client's delayed acknowledgements, 40 ms each. Both send all of
it to `smtp-sink` on another loopback address, without TLS, over at most so many connections
at a time. *Accepted* is what the client was told of; *passed on* ends when the sink has counted the
last message. Needs root and Debian's postfix package. `--write` puts the table into
docs/benchmarks.md.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

import disk
from compare import DOCUMENT, PASSWORD, TARGET, USER, machine, number, sync_milliseconds
from postfix import Postfix, peers
from posthorn import Posthorn

SINK_HOST = "127.0.0.2"
GOAL = 3
# How long the last message may take to the sink.
PATIENCE = 300
HEADINGS = ["measured", "unit", "Posthorn", "Postfix", "ratio", "goal", "reached"]


class Sink:
    """`smtp-sink`, which counts what it was given. Use it in a `with` block."""

    def __init__(self, connections):
        self.connections = connections
        self.port = peers.free_port()
        self.count = 0
        self.changed = threading.Condition()

    def __enter__(self):
        self.process = subprocess.Popen(
            ["smtp-sink", "-u", "nobody", "-c", "-m", str(self.connections),
             f"{SINK_HOST}:{self.port}", "1000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self.read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def read(self):
        """Follows its running counter: `sess=1 quit=0 mesg=17`, over and over."""
        rest = b""
        while some := os.read(self.process.stdout.fileno(), 65536):
            *whole, rest = (rest + some).replace(b"\n", b"\r").split(b"\r")
            counts = [int(found.group(1)) for found in
                      (re.search(rb"mesg=(\d+)", line) for line in whole) if found]
            if counts:
                with self.changed:
                    self.count = max(self.count, *counts)
                    self.changed.notify_all()

    def wait_for(self, count):
        """Waits until it has counted so many; the instant at which it had."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.count >= count, PATIENCE):
                raise SystemExit(f"the sink has {self.count} messages of {count}")
            return time.monotonic()


class Sending(Posthorn):
    """A Posthorn that sends everything to the sink."""

    def __init__(self, options, directory, sink):
        super().__init__(options.binary, directory, {USER: PASSWORD})
        self.options, self.sink = options, sink

    def prepare(self):
        """Has quickstart write what it writes, and says where mail goes."""
        self.start()
        self.stop()
        configuration = self.directory / "posthorn.toml"
        text = configuration.read_text()
        enabled = f"connections_per_destination = {self.options.concurrency}\n"
        if "enabled = false\n" not in text:
            raise SystemExit(f"{configuration} is not what quickstart wrote")
        text = text.replace("enabled = false\n", enabled, 1)
        # What is measured with is from people elsewhere.
        text += '\n[submission]\nauthors_elsewhere = true\n'
        text += (f'\n[[route]]\ndomain = "*"\nhost = "{SINK_HOST}:{self.sink.port}"\n'
                 'tls = "never"\n')
        configuration.write_text(text)

    def client(self):
        return ["--protocol", "submission", "--port", self.port("submission"), "--user", USER,
                "--password-stdin"]


def measure(options, server, sink):
    """One run: messages a second into the queue, and to the sink."""
    words = [options.binary, "bench", "smtp", *server.client(), "--connections",
             options.connections, "--rounds", 1, "--messages", options.messages, "--size",
             options.size, "--data", "--json", "-"]
    for each in range(10):
        words += ["--recipient", f"recipient{each}@far.test"]
    before = sink.count
    done = subprocess.run([str(word) for word in words], input=PASSWORD + "\n",
                          capture_output=True, text=True)
    ended = time.monotonic()
    if done.returncode != 0:
        raise SystemExit(f"{server.name}: {' '.join(map(str, words))}\n{done.stderr}")
    accepted = json.loads(done.stdout)["rows"][0]["runs"][0]
    # The client says how fast it was, and ends with its last message.
    began = ended - options.messages / accepted
    passed = options.messages / (sink.wait_for(before + options.messages) - began)
    return {"accepted": accepted, "passed on": passed}


def run(options, servers, sink):
    runs = {}
    for turn in range(options.rounds):
        for server in servers if turn % 2 == 0 else servers[::-1]:
            for what, rate in measure(options, server, sink).items():
                runs.setdefault((what, server.name), []).append(rate)
                print(f"round {turn + 1}: {server.name}, {what}: {number(rate)} messages/s",
                      file=sys.stderr, flush=True)
    return {key: statistics.median(rates) for key, rates in runs.items()}


def table(options, rates):
    rows = []
    for what in ("accepted", "passed on"):
        ours, theirs = rates[what, "Posthorn"], rates[what, "Postfix"]
        ratio = ours / theirs
        rows.append([f"{what}, connections: {options.connections}", "messages/s", number(ours),
                     number(theirs), f"{number(ratio)}×", f"≥ {GOAL}×",
                     "yes" if ratio >= GOAL else "no"])
    return rows


def section(options, rows, versions, sync):
    """The part of docs/benchmarks.md that this program writes."""
    given = [word for word in sys.argv[1:] if not word.startswith("/")]
    command = " ".join(["tests/bench/queue.py",
                        *(word for word in given if word not in ("--binary", "--directory"))])
    return "\n".join([
        f"Measured on {datetime.date.today().isoformat()}: {versions[0]} and {versions[1]}, in turn "
        "in one run.",
        f"Machine: {machine()}; one fdatasync of 4 KiB takes {number(sync)} ms{disk.in_words(options)}. "
        f"{options.messages} messages of {options.size} bytes to ten addresses of one domain in a "
        f"run, medians of {options.rounds} rounds; at most {options.concurrency} connections to the "
        "sink.",
        "", "```sh", "cargo build --release --ignore-rust-version -p posthorn", command, "```", "",
        "| " + " | ".join(HEADINGS) + " |", "|---|---|--:|--:|--:|--:|---|",
        *("| " + " | ".join(row) + " |" for row in rows)])


def marks(name):
    return [f"<!-- written by tests/bench/queue.py, {name}: {end} -->" for end in ("start", "end")]


def write(name, text):
    """Puts a table of the queue into its place in the document."""
    document = DOCUMENT.read_text()
    start, end = marks(name)
    if start not in document or end not in document:
        raise SystemExit(f"{DOCUMENT} has no table {name}: {start}")
    before, _, rest = document.partition(start)
    after = rest.partition(end)[2]
    DOCUMENT.write_text(f"{before}{start}\n{text}\n{end}{after}")


def arguments():
    parser = argparse.ArgumentParser(description="Posthorn and Postfix as relays, in turn")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn",
                        help="the Posthorn measured, whose client measures both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=5000, help="of one run")
    parser.add_argument("--size", type=int, default=8192, help="bytes of a message")
    parser.add_argument("--connections", type=int, default=10, help="on which they are handed in")
    parser.add_argument("--concurrency", type=int, default=20,
                        help="connections of either to the sink, the default of both")
    parser.add_argument("--server", choices=["posthorn", "postfix"], help="only this one")
    disk.add_options(parser, keep=False)
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    parser.add_argument("--table", default="queue", help="which one of the document")
    return parser.parse_args()


def main():
    options = arguments()
    # Who ends this ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(disk.data_directory(options))
        sink = stack.enter_context(Sink(4 * options.concurrency))
        makers = {
            "posthorn": lambda: Sending(options, directory / "posthorn", sink),
            "postfix": lambda: Postfix(directory / "postfix", SINK_HOST, sink.port,
                                       options.concurrency),
        }
        servers = [stack.enter_context(make()) for name, make in makers.items()
                   if options.server in (None, name)]
        sync = sync_milliseconds(directory)
        rates = run(options, servers, sink)
        versions = [server.version() for server in servers]
    if len(servers) == 2:
        rows = table(options, rates)
        for row in rows:
            print("  ".join(row))
        if options.write:
            write(options.table, section(options, rows, versions, sync))


if __name__ == "__main__":
    main()
