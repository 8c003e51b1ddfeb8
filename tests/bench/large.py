#!/usr/bin/env python3
"""Measures how a very large mailbox opens: after a start of the server, and from memory.

    tests/bench/large.py [--messages 1000000] [--drop-caches]

Fills a mailbox of a fresh Posthorn with copies of a thousand messages, restarts the server, and
selects. Says what the mailbox takes in memory, too. Linux only, as memory is read from /proc;
`--drop-caches`, which has the files read from the disk after each start, needs root.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from compare import PASSWORD, TARGET, USER, number
from posthorn import Posthorn


def bench(options, server, *arguments):
    """Rows of one run of the client."""
    words = [options.binary, "bench", "imap", "--user", USER, "--password-stdin", "--json", "-",
             "--port", server.port("imap"), "--messages", options.messages, *arguments]
    done = subprocess.run([str(word) for word in words], input=PASSWORD + "\n",
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["rows"]


def memory_kib(server):
    """What the server's process holds itself, pages of files not counted."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE).group(1))


def main():
    parser = argparse.ArgumentParser(description="How a very large mailbox opens")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--drop-caches", action="store_true", help="forget what files hold")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", default="/var/tmp", help="where the data is kept meanwhile")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="posthorn-large-", dir=options.directory))
    server = Posthorn(options.binary, directory / "posthorn", {USER: PASSWORD})
    rows, memory = {}, []
    try:
        with server:
            bench(options, server, "--tests", "select", "--distinct", 1000, "--rounds", 1)
            print(f"{options.messages} messages are there", file=sys.stderr, flush=True)
        for _ in range(options.rounds):
            if options.drop_caches:
                os.sync()
                pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")
            with server:
                before = memory_kib(server)
                found = bench(options, server, "--tests", "first-select")
                memory.append((memory_kib(server) - before) * 1024 / options.messages)
                found += bench(options, server, "--tests", "select", "--rounds", 1)
                for row in found:
                    rows.setdefault(row["name"], []).extend(row["runs"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, runs in rows.items():
        print(f"{name}: {', '.join(number(run) for run in runs)} ms")
    print(f"memory: {', '.join(number(each) for each in memory)} bytes for each message")


if __name__ == "__main__":
    main()
