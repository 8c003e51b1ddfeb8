#!/usr/bin/env python3
"""What an active script and a responder cost a delivery.

    tests/bench/filters.py [--rounds N] [--deliveries N] [--connections N]

One Posthorn as `quickstart` makes it. Messages go over LMTP to an account without rules, then to one
with a script of a hundred rules, none of which fits, and an active responder; in every round anew,
and each round in the other order. The ratio of each round is one of two runs side by side. It has
the addresses that the messages name, so that each of these might be answered; all come from one
sender, who is answered once.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from posthorn import Posthorn

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PASSWORD = "grey-lamp-over-river-7"
PLAIN, RULED = "plain@example.test", "ruled@example.test"
# Whom the messages of `posthorn bench` are to.
NAMES = ["juliemartin", "maxberger", "amliedurand", "tomnovk", "priyanair", "lenahoffmann",
         "oskarlindqvist", "graceokafor", "hirotanaka", "sofiarossi", "danielweber", "noraquinn"]


def script():
    rules = (f'if anyof (header :contains "subject" "no word {rule}", '
             f'address :is "from" "person{rule}@nowhere.test", '
             f'header :contains ["to", "cc"] "list-{rule}@") '
             f'{{ fileinto "Folder {rule}"; stop; }}\r\n' for rule in range(100))
    return 'require "fileinto";\r\n' + "".join(rules)


def command(binary, directory, *words, stdin=""):
    config = next(pathlib.Path(directory).glob("*.toml"))
    subprocess.run([binary, "--config", config, *words], input=stdin, text=True, check=True,
                   stdout=subprocess.DEVNULL)


def rate(binary, server, recipient, seed, options):
    words = [binary, "bench", "smtp", "--port", server.port("lmtp"), "--rounds", 1, "--json", "-",
             "--messages", options.deliveries, "--connections", options.connections,
             "--seed", seed, "--sender", "ann@elsewhere.test", "--recipient", recipient]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    [row] = json.loads(done.stdout)["rows"]
    return row["median"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=TARGET / "release/posthorn", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--deliveries", default=3000, type=int)
    parser.add_argument("--connections", default=10, type=int)
    parser.add_argument("--directory", help="where the data lies; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        accounts = dict.fromkeys([PLAIN, RULED], PASSWORD)
        with Posthorn(options.binary, directory, accounts) as server:
            text = pathlib.Path(directory) / "away.txt"
            text.write_text("I am away.\n")
            ask = [options.binary, directory]
            command(*ask, "domain", "add", "example.org")
            command(*ask, "domain", "join", "example.org", "example.test")
            for name in NAMES:
                command(*ask, "alias", "add", RULED, f"{name}@example.org")
            command(*ask, "sieve", "put", RULED, "main", stdin=script())
            command(*ask, "sieve", "activate", RULED, "main")
            command(*ask, "responder", "add", RULED, "away", "--subject", "Away",
                    "--text-file", text)
            command(*ask, "responder", "activate", RULED, "away")
            # A body is kept once, so that each run has texts of its own.
            seeds = itertools.count(1)
            rate(options.binary, server, PLAIN, next(seeds), options)
            ratios = []
            for number in range(options.rounds):
                pair = [PLAIN, RULED] if number % 2 == 0 else [RULED, PLAIN]
                rates = {who: rate(options.binary, server, who, next(seeds), options)
                         for who in pair}
                plain, ruled = rates[PLAIN], rates[RULED]
                ratios.append(ruled / plain)
                print(f"without {plain:.0f}/s, with {ruled:.0f}/s, ratio {ruled / plain:.2f}",
                      flush=True)
            print(f"median ratio {statistics.median(ratios):.2f}")
            shown = subprocess.run([options.binary, "--config", next(server.directory.glob("*.toml")),
                                    "queue", "stats", "--json"], capture_output=True, text=True)
            print(f"answers: {json.loads(shown.stdout)['messages']}")


main()
