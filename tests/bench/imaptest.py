#!/usr/bin/env python3
"""Commands per second under imaptest's mixed load, Posthorn and Dovecot in turn.

    tests/bench/imaptest.py PROGRAM [--clients N] [--seconds N] [--rounds N] [--write]

PROGRAM is imaptest as its own documentation builds it; tests/conformance/imaptest/run says more.
All clients work on one account: they sign in, list, select, fetch, search, sort, thread, copy, move,
store, expunge, append and leave, over and over. Both servers run as compare.py runs them. The
client counts what was answered, follows no state, and is the same program for both. `--write` puts
the row into docs/benchmarks.md.
"""

import argparse
import contextlib
import datetime
import imaplib
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

from compare import ACCOUNTS, DOCUMENT, PASSWORD, TARGET, USER, machine, number, sync_milliseconds
from dovecot import Dovecot
from posthorn import Posthorn

CONFORMANCE = pathlib.Path(__file__).resolve().parents[1] / "conformance/imaptest"
sys.path.insert(0, str(CONFORMANCE))

from mbox import write_mbox  # noqa: E402

MARKS = ("<!-- written by tests/bench/imaptest.py: start -->",
         "<!-- written by tests/bench/imaptest.py: end -->")
LOAD = ["no_tracking", "msgs=100", "copybox=Work", "copy=30,5", "move=20,5", "search=20", "sort=20",
        "thread=20", "noop=30", "uidfetch=30"]
GOAL = 2


def commands_per_second(options, server, mbox):
    """One run; every command counts that was answered, sign-in and LOGOUT included."""
    done = subprocess.run(
        [options.program, "host=127.0.0.1", f"port={server.port('imap')}", f"user={USER}",
         f"pass={PASSWORD}", f"mbox={mbox}", f"clients={options.clients}",
         f"secs={options.seconds}", f"seed={options.seed}", *LOAD], capture_output=True, text=True)
    output = done.stdout + done.stderr
    errors = [line for line in output.splitlines() if re.match("(Error|Panic|Fatal)", line)]
    totals = [line.split() for line in output.rpartition("Totals:")[2].splitlines()
              if line.strip() and "%" not in line]
    if done.returncode != 0 or errors or len(totals) < 2:
        raise SystemExit(f"{server.name}: {errors[:5] or output[-2000:]}")
    return sum(map(int, totals[-1])) / options.seconds


def make_mailbox(server):
    """Both mailboxes stand before the load: Dovecot makes INBOX when it is first selected, and two
    sessions that do so at once are told that it exists already."""
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as connection:
        connection.login(USER, PASSWORD)
        connection.create("Work")
        for name in ("INBOX", "Work"):
            connection.select(name)


def section(options, rates, versions, sync):
    ratio = rates["Posthorn"] / rates["Dovecot"]
    return "\n".join([
        MARKS[0],
        f"Measured on {datetime.date.today().isoformat()}: {versions[0]} and {versions[1]}.",
        f"Machine: {machine()}; one fdatasync of 4 KiB takes {number(sync)} ms.",
        "", "```sh",
        f"tests/bench/imaptest.py PROGRAM --clients {options.clients} --seconds {options.seconds} "
        f"--rounds {options.rounds} --write",
        "```", "",
        "| measured | unit | Posthorn | Dovecot | ratio | goal | reached |",
        "|---|---|--:|--:|--:|--:|---|",
        f"| imaptest, {options.clients} clients | commands/s | {number(rates['Posthorn'])} "
        f"| {number(rates['Dovecot'])} | {number(ratio)}× | ≥ {GOAL}× "
        f"| {'yes' if ratio >= GOAL else 'no'} |",
        MARKS[1]])


def write(text):
    document = DOCUMENT.read_text()
    before, _, rest = document.partition(MARKS[0])
    DOCUMENT.write_text(before + text + rest.partition(MARKS[1])[2])


def main():
    parser = argparse.ArgumentParser(description="imaptest against Posthorn and Dovecot")
    parser.add_argument("program", type=pathlib.Path, help="a built imaptest")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=15, help="of one run")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", default="/var/tmp", help="where both keep their data")
    parser.add_argument("--server", choices=["posthorn", "dovecot"], help="only this one")
    parser.add_argument("--write", action="store_true", help="put the row into the document")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="posthorn-bench-", dir=options.directory))
    directory.chmod(0o755)
    makers = {
        "posthorn": lambda: Posthorn(options.binary, directory / "posthorn", ACCOUNTS),
        "dovecot": lambda: Dovecot(directory / "dovecot", ACCOUNTS),
    }
    write_mbox(directory / "mbox")
    runs = {}
    try:
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(make()) for name, make in makers.items()
                       if options.server in (None, name)]
            for server in servers:
                make_mailbox(server)
            sync = sync_milliseconds(directory)
            versions = [server.version() for server in servers]
            for turn in range(options.rounds):
                for server in servers if turn % 2 == 0 else servers[::-1]:
                    rate = commands_per_second(options, server, directory / "mbox")
                    runs.setdefault(server.name, []).append(rate)
                    print(f"round {turn + 1}: {server.name} {number(rate)} commands/s", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    rates = {name: statistics.median(values) for name, values in runs.items()}
    if len(rates) == 2:
        text = section(options, rates, versions, sync)
        print(text)
        if options.write:
            write(text)


if __name__ == "__main__":
    main()
