#!/usr/bin/env python3
"""Expands random recurrence rules with crate `ical` and with python-dateutil, and compares.

    tests/ical/oracle.py [--rules N] [--seed N]

Needs python3-dateutil. Four differences are by intention. Three do not come up here: the start
counts as the first occurrence even where the rule does not make it (RFC 5545 §3.8.5.3), which is
made up for; a BYWEEKNO without any day means the weekday of the start, not the whole week (RFC 5545
§3.3.10: what is missing is taken from DTSTART); and dateutil asks that a day be in both lists where
BYDAY has days with and without a number. The fourth is told, not counted: the first week of a
weekly rule with BYSETPOS is a whole one here, and begins with the start in dateutil.
"""

import argparse
import datetime
import itertools
import pathlib
import random
import signal
import subprocess
import sys

from dateutil import rrule

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
COUNT = 40


def some(generator, low, high, most=3):
    values = [value for value in range(low, high + 1) if value != 0 or low == 0]
    return generator.sample(values, generator.randint(1, min(most, len(values))))


def a_rule(generator):
    """A rule that RFC 5545 allows, and that dateutil ends within reasonable time."""
    frequency = generator.choice(
        ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"])
    parts = {"FREQ": frequency}

    def chance(share):
        return generator.random() < share

    if chance(0.5):
        parts["INTERVAL"] = [generator.randint(1, 12)]
    if chance(0.3):
        parts["BYMONTH"] = some(generator, 1, 12)
    if frequency == "YEARLY" and chance(0.25):
        parts["BYWEEKNO"] = some(generator, -53, 53)
        parts["BYDAY"] = generator.sample(DAYS, generator.randint(1, 3))
    elif chance(0.4):
        days = generator.sample(DAYS, generator.randint(1, 3))
        if frequency in ("YEARLY", "MONTHLY") and chance(0.5):
            most = 5 if frequency == "MONTHLY" or "BYMONTH" in parts else 53
            days = [f"{some(generator, -most, most, 1)[0]}{day}" for day in days]
        parts["BYDAY"] = days
    if frequency != "WEEKLY" and chance(0.25):
        parts["BYMONTHDAY"] = some(generator, -31, 31)
    if frequency not in ("DAILY", "WEEKLY", "MONTHLY") and chance(0.15):
        parts["BYYEARDAY"] = some(generator, -366, 366, 5)
    if chance(0.25):
        parts["BYHOUR"] = some(generator, 0, 23)
    if chance(0.2):
        parts["BYMINUTE"] = some(generator, 0, 59)
    if chance(0.15):
        parts["BYSECOND"] = some(generator, 0, 59)
    if any(name.startswith("BY") for name in parts) and chance(0.2):
        parts["BYSETPOS"] = some(generator, -5, 5)
    if chance(0.3):
        parts["WKST"] = [generator.choice(DAYS)]
    text = ";".join(f"{name}={value if name == 'FREQ' else ','.join(map(str, value))}"
                    for name, value in parts.items())
    return text


def theirs(start, text):
    """What dateutil makes of it within a time that it gets through, and the end of that.

    Of rules that never come it is not told that they end: after half a second there is no answer.
    """
    days = {"HOURLY": 60, "MINUTELY": 5, "SECONDLY": 1}
    until = start + datetime.timedelta(days=next(
        (days[name] for name in days if f"FREQ={name}" in text), 365 * 12))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        rule = rrule.rrulestr(text, dtstart=start, forceset=False).replace(until=until)
        times = list(itertools.islice(rule, COUNT))
    except ValueError:
        # An hour that the interval never meets, say.
        times = []
    except TimeoutError:
        return until, None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if not times or times[0] != start:
        times.insert(0, start)
    return until, times[:COUNT]


def time_is_up(_signal, _frame):
    raise TimeoutError


def main():
    signal.signal(signal.SIGALRM, time_is_up)
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    cases = []
    for _ in range(options.rules):
        start = datetime.datetime(1990, 1, 1) + datetime.timedelta(
            seconds=generator.randint(0, 20 * 365 * 86_400))
        cases.append((start, a_rule(generator)))
    build = ["cargo", "build", "-q", "--ignore-rust-version", "-p", "ical", "--example", "expand"]
    subprocess.run(build, cwd=ROOT, check=True)
    lines = "".join(f"{start.isoformat()} {text} {COUNT}\n" for start, text in cases)
    done = subprocess.run([ROOT / "target/debug/examples/expand"], input=lines, text=True,
                          capture_output=True, check=True)
    different = unanswered = weeks = 0
    for (start, text), line in zip(cases, done.stdout.splitlines(), strict=True):
        until, expected = theirs(start, text)
        if expected is None:
            unanswered += 1
            continue
        ours = [datetime.datetime.strptime(word, "%Y%m%dT%H%M%S") for word in line.split()]
        ours = [time for time in ours if time <= until]
        if ours != expected and "FREQ=WEEKLY" in text and "BYSETPOS" in text:
            first = start.date() + datetime.timedelta(days=7)
            ours, expected = ([time for time in times if time.date() >= first]
                              for times in (ours, expected))
            count = min(len(ours), len(expected))
            ours, expected, weeks = ours[:count], expected[:count], weeks + 1
        if ours != expected:
            different += 1
            if different <= 10:
                print(f"{start.isoformat()} {text}\n  ours   {list(map(str, ours))[:6]}\n"
                      f"  theirs {list(map(str, expected))[:6]}")
    print(f"{options.rules} rules, {different} expanded differently, "
          f"{weeks} only in their first week, {unanswered} that dateutil did not end")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
