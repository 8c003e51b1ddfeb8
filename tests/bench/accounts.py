#!/usr/bin/env python3
"""Measures a server with very many accounts: its start, its memory, and what one of them waits for.

    tests/bench/accounts.py [--accounts 100000]

Makes one account, copies its rows while the server is stopped (a password would take as long to
hash as to make the rest), and starts the server anew. Linux only, as memory is read from /proc.
"""

import argparse
import contextlib
import imaplib
import pathlib
import random
import re
import shutil
import smtplib
import sqlite3
import statistics
import subprocess
import tempfile
import time

from compare import PASSWORD, TARGET, USER, number
from posthorn import Posthorn

DOMAIN = USER.partition("@")[2]
# What an account consists of; `account_id` of each row is the account's number.
TABLES = ("address", "mailbox", "subscription", "directory_entry", "scram_verifier")


def address(account):
    return f"account{account}@{DOMAIN}"


def copies(connection, table, condition=""):
    """The rows of the one account, as a function of another's number."""
    found = connection.execute(f"SELECT * FROM {table} {condition}")
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row)) for row in found]
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    return rows, lambda changed: connection.executemany(insert, ([row[n] for n in names]
                                                                 for row in changed))


def copy_account(path, count):
    """While the server is stopped: accounts 2 to `count`, as account 1 but for their addresses."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        (one,), insert = copies(connection, "account")
        numbers = range(2, count + 1)
        insert({**one, "id": n, "address": address(n), "display_address": address(n)}
               for n in numbers)
        for table in TABLES:
            rows, insert = copies(connection, table)
            of_account = {"address": lambda n: {"local": f"account{n}", "display": f"account{n}"}}
            changes = of_account.get(table, lambda _: {})
            if table == "mailbox":
                ids = iter(range(len(rows) + 1, len(rows) * count + 1))
                changes = lambda _: {"id": next(ids)}  # noqa: E731
            insert({**row, "account_id": n, **changes(n)} for n in numbers for row in rows)
        connection.commit()


def memory_mib(server):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    anonymous, files = (int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE).group(1))
                        for name in ("RssAnon", "RssFile"))
    return f"{number(anonymous / 1024)} MiB, and {number(files / 1024)} MiB of files"


def milliseconds(work, times):
    runs = []
    for _ in range(times):
        began = time.monotonic()
        work()
        runs.append((time.monotonic() - began) * 1000)
    return statistics.median(runs)


def measure(options, server):
    chance = random.Random(1)
    anybody = lambda: address(chance.randrange(2, options.accounts + 1))  # noqa: E731
    began = time.monotonic()
    server.start()
    print(f"start: {number(time.monotonic() - began)} s")
    print(f"memory after it: {memory_mib(server)}")

    def sign_in():
        client = imaplib.IMAP4("127.0.0.1", server.port("imap"))
        client.login(anybody(), PASSWORD)
        client.select("INBOX")
        client.logout()

    print(f"first sign-in of an account, INBOX selected: {number(milliseconds(sign_in, 100))} ms")
    lmtp = smtplib.LMTP("127.0.0.1", server.port("lmtp"))

    def deliver():
        lmtp.sendmail("a@elsewhere.example", [anybody()], b"Subject: x\r\n\r\nhello\r\n")

    print(f"delivery to one of them: {number(milliseconds(deliver, 2000))} ms")
    lmtp.quit()
    print(f"memory now: {memory_mib(server)}")
    config = server.directory / "posthorn.toml"
    for words in (["account", "list"], ["check-store"]):
        began = time.monotonic()
        subprocess.run([options.binary, "--config", config, *words], check=True,
                       stdout=subprocess.DEVNULL)
        print(f"posthorn {' '.join(words)}: {number(time.monotonic() - began)} s")


def main():
    parser = argparse.ArgumentParser(description="A server with very many accounts")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release/posthorn")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--directory", default="/var/tmp", help="where the data is kept meanwhile")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="posthorn-accounts-", dir=options.directory))
    server = Posthorn(options.binary, directory / "posthorn", {USER: PASSWORD})
    try:
        with server:
            server.stop()
            copy_account(next(server.directory.glob("*.db")), options.accounts)
            measure(options, server)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
