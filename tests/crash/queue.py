#!/usr/bin/env python3
"""Kills the daemon with SIGKILL at random moments while it sends, and counts what arrives.

    tests/crash/queue.py [--messages N] [--kills N] [--pause S] [--engine sqlite|postgres] [--seed S]

Every message arrives; there are no more duplicates than kills; `check-store` is clean.
"""

import argparse
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import daemon  # noqa: E402
import peers  # noqa: E402
from daemon import Failure, log  # noqa: E402
from sending import route, spool, waiting  # noqa: E402

PATIENCE = 600


def run(arguments):
    generator = random.Random(arguments.seed)
    sink = peers.Sink(arguments.pause)
    with daemon.Daemon(arguments.engine, durable=True) as server:
        spool(server, arguments.messages)
        server.stop()
        route(server, sink.port)
        kills = 0
        while kills < arguments.kills and sink.count() < arguments.messages:
            server.start()
            time.sleep(generator.uniform(0.0, arguments.alive))
            server.kill()
            kills += 1
        server.start()
        deadline = time.monotonic() + PATIENCE
        while waiting(server) > 0:
            if time.monotonic() > deadline:
                raise Failure(f"{waiting(server)} messages still wait\n{server.tail()}")
            time.sleep(0.2)
        duplicates = sink.duplicates()
        log(f"{arguments.engine}: {kills} kills, {sink.count()} of {arguments.messages} messages, "
            f"{duplicates} duplicates")
        if sink.count() != arguments.messages:
            raise Failure(f"{arguments.messages - sink.count()} messages are lost")
        if duplicates > kills:
            raise Failure(f"{duplicates} duplicates of {kills} kills")
        server.check_store()
        server.stop()
    sink.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--alive", type=float, default=1.0, help="seconds between kills, at most")
    parser.add_argument("--pause", type=float, default=0.0,
                        help="seconds the far server takes for a message, so that many kills fit in")
    parser.add_argument("--engine", default="sqlite")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    try:
        run(arguments)
    except Failure as failure:
        print(f"seed {arguments.seed}: {failure}", file=sys.stderr)
        sys.exit(1)


main()
