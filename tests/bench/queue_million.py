#!/usr/bin/env python3
"""Measures a queue that holds a million messages for a server that is down.

    tests/bench/queue_million.py [--messages 1000000] [--handed-in N] [--engine sqlite|postgres]
                                 [--silent] [--write]

Hands the messages in while nothing is sent, or N of them, whose rows are then copied until there are as
many as there should be; then starts the daemon on them: how long until it is
ready, what memory it takes then and a good minute later, and how fast messages for a server that
works pass beside them, before there was any other and now. The server that is down refuses
connections; with `--silent` it takes them and says nothing. Needs root and Debian's postfix package,
for `smtp-sink`. Linux only, as memory is read from /proc.
"""

import argparse
import contextlib
import datetime
import json
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

from compare import TARGET, machine, number, words_of_call
from queue import SINK_HOST, Sink, write

import daemon  # noqa: E402, its folder is found by those

START_SECONDS_MAX = 5
MEMORY_MIB_MAX = 200
# Longer than the queue waits between two looks at all of it.
WHILE_SECONDS = 75


@contextlib.contextmanager
def down(silent):
    """The port of a server that is down."""
    with socket.socket() as listener:
        listener.bind((SINK_HOST, 0))
        if silent:
            # The system takes connections for it; nobody ever accepts one.
            listener.listen(1000)
        yield listener.getsockname()[1]


def hand_in(options, server, domain, count):
    """Messages a second into the queue. A connection takes a thousand at most."""
    seconds, left = 0, count
    while left > 0:
        some = min(left, options.connections * 500)
        seconds += some / hand_in_some(options, server, domain, some)
        left -= some
    return count / seconds


def hand_in_some(options, server, domain, count):
    words = [options.binary, "bench", "smtp", "--protocol", "submission", "--port",
             server.port("submission"), "--user", daemon.JULIE, "--password-stdin",
             "--connections", options.connections, "--rounds", 1, "--messages", count,
             "--distinct", min(count, 1000), "--size", 2048, "--data", "--json", "-",
             "--recipient", f"x@{domain}"]
    done = subprocess.run([str(word) for word in words], input=daemon.PASSWORDS[daemon.JULIE] + "\n",
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["rows"][0]["runs"][0]


# Rows of messages that share their texts with those that were handed in.
COPY = [
    "INSERT INTO spool (account_id, reverse_path, envelope, content_id, created, begins, deadline) "
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies}) "
    "SELECT account_id, reverse_path, envelope, content_id, created, begins, deadline FROM spool, n",
    "INSERT INTO spool_recipient (spool_id, ordinal, forward_path, parameters, destination, due, urgency) "
    "SELECT s.id, 0, 'x@down.test', '{{}}', 'down.test', s.created, 1 FROM spool s "
    "WHERE NOT EXISTS (SELECT 1 FROM spool_recipient r WHERE r.spool_id = s.id)",
    "DELETE FROM spool_waiting",
    "INSERT INTO spool_waiting (destination, slot, recipients) "
    "SELECT destination, 0, COUNT(*) FROM spool_recipient GROUP BY destination",
]


def copy_rows(options, server):
    """While the daemon is stopped."""
    copies = options.messages // options.handed_in - 1
    statements = [statement.format(copies=copies) for statement in COPY]
    if server.postgres:
        for statement in [*statements, "ANALYZE spool", "ANALYZE spool_recipient"]:
            server.postgres.ask(statement)
        return
    with contextlib.closing(sqlite3.connect(next(server.data_dir.glob("*.db")))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def pass_on(options, server, sink):
    """Messages a second to the server that works."""
    rates = []
    for _ in range(3):
        before = sink.count
        rate = hand_in(options, server, "works.test", options.beside)
        began = time.monotonic() - options.beside / rate
        rates.append(options.beside / (sink.wait_for(before + options.beside) - began))
    return statistics.median(rates)


def memory_mib(server):
    """What the process holds, and held at most."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    sizes = [re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE) for name in ("VmRSS", "VmHWM")]
    return [int(size.group(1)) / 1024 for size in sizes]


def route(server, sink, dead):
    """Has the daemon send, from the next start on."""
    text = server.config.read_text()
    # What is measured with is from people elsewhere.
    text += "\n[submission]\nauthors_elsewhere = true\n"
    for domain, port in (("works.test", sink.port), ("down.test", dead)):
        text += (f'\n[[route]]\ndomain = "{domain}"\nhost = "{SINK_HOST}:{port}"\n'
                 'tls = "never"\n')
    server.config.write_text(text)


def enable(server, enabled):
    text = server.config.read_text()
    old, new = f"enabled = {str(not enabled).lower()}\n", f"enabled = {str(enabled).lower()}\n"
    if old not in text:
        raise SystemExit(f"{server.config} has no {old}")
    server.config.write_text(text.replace(old, new, 1))


def run(options, server, sink, dead):
    say = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    server.stop()
    route(server, sink, dead)
    enable(server, True)
    server.start()
    alone = pass_on(options, server, sink)
    say(f"alone: {number(alone)} messages/s")
    server.stop()
    enable(server, False)
    server.start()
    rate = hand_in(options, server, "down.test", options.handed_in)
    say(f"{options.handed_in} messages are there: {number(rate)} messages/s")
    server.stop()
    if options.handed_in < options.messages:
        copy_rows(options, server)
        say(f"their rows were copied: {options.messages} messages")
    enable(server, True)
    starts = []
    for _ in range(options.rounds):
        began = time.monotonic()
        server.start()
        starts.append(time.monotonic() - began)
        say(f"ready after {number(starts[-1])} s")
        if len(starts) < options.rounds:
            server.stop()
    after_start, _ = memory_mib(server)
    time.sleep(WHILE_SECONDS)
    later, most = memory_mib(server)
    beside = pass_on(options, server, sink)
    say(f"beside them: {number(beside)} messages/s")
    beside_later, most = memory_mib(server)
    deadline = time.monotonic() + 10
    # The sink has the last before its outcome is written down.
    while (waiting := json.loads(server.cli("queue", "stats", "--json"))["messages"]) != options.messages:
        if time.monotonic() > deadline:
            raise SystemExit(f"{waiting} messages wait of {options.messages}")
        time.sleep(0.2)
    server.stop()
    return [
        ["start to `ready`", "s", number(max(starts)), f"≤ {START_SECONDS_MAX}",
         max(starts) <= START_SECONDS_MAX],
        ["memory after the start", "MiB", number(after_start), "", None],
        [f"memory {WHILE_SECONDS} s later", "MiB", number(later), f"≤ {MEMORY_MIB_MAX}",
         later <= MEMORY_MIB_MAX],
        ["memory after sending beside it", "MiB", number(beside_later), "", None],
        ["memory at most", "MiB", number(most), f"≤ {MEMORY_MIB_MAX}", most <= MEMORY_MIB_MAX],
        ["passed on to a server that works, nothing else waiting", "messages/s", number(alone), "",
         None],
        ["the same beside the million", "messages/s", number(beside), "≥ 80 %",
         beside >= 0.8 * alone],
    ]


def section(options, rows, version):
    names = " ".join(words_of_call())
    verdict = {True: "yes", False: "no", None: ""}
    return "\n".join([
        f"Measured on {datetime.date.today().isoformat()}: {version}, {options.engine}, "
        f"{options.messages} messages ({options.handed_in} of them handed in) for a server that "
        f"{'takes connections and says nothing' if options.silent else 'refuses connections'}.",
        f"Machine: {machine()}.",
        "", "```sh", f"tests/bench/queue_million.py {names}".rstrip(), "```", "",
        "| measured | unit | | goal | reached |", "|---|---|--:|--:|---|",
        *(f"| {name} | {unit} | {value} | {goal} | {verdict[reached]} |"
          for name, unit, value, goal, reached in rows)])


def arguments():
    parser = argparse.ArgumentParser(description="A queue that holds a million messages")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--handed-in", type=int, help="so many; the others are copies of their rows")
    parser.add_argument("--beside", type=int, default=5000, help="messages that pass beside them")
    parser.add_argument("--connections", type=int, default=32, help="on which they are handed in")
    parser.add_argument("--engine", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--silent", action="store_true", help="the server that is down is silent")
    parser.add_argument("--rounds", type=int, default=3, help="starts")
    parser.add_argument("--directory", default="/var/tmp", help="where the data is kept meanwhile")
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    options = parser.parse_args()
    options.handed_in = options.handed_in or options.messages
    if options.messages % options.handed_in:
        parser.error("--messages is no multiple of --handed-in")
    return options


def main():
    options = arguments()
    daemon.BINARY = options.binary
    directory = tempfile.mkdtemp(prefix="posthorn-million-", dir=options.directory)
    try:
        with Sink(100) as sink, down(options.silent) as dead, \
                daemon.Daemon(options.engine, data_dir=directory, durable=True) as server:
            rows = run(options, server, sink, dead)
            version = " ".join(server.cli("version").split())
    except daemon.Failure as failure:
        raise SystemExit(str(failure))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    text = section(options, rows, version)
    print(text)
    if options.write:
        write(f"million, {options.engine}", text)


if __name__ == "__main__":
    main()
