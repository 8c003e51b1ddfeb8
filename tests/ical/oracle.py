#!/usr/bin/env python3
"""Expands random recurrences with crate `ical` and with other people's libraries, and compares.

    tests/ical/oracle.py [--rules N] [--objects N] [--seed N]

Rules alone go to python-dateutil: every part of RFC 5545 §3.3.10. Whole objects go to
recurring-ical-events: zones and their changes of the clock, all-day and floating times, RRULE with
RDATE and EXDATE, instances that are moved and those that all that follow are moved with.

Where the libraries read the standard otherwise, they are asked so that they answer as it has it:

- DTSTART counts as the first instance even where the rule does not make it (RFC 5545 §3.8.5.3);
  dateutil leaves it out.
- What is missing is taken from DTSTART (RFC 5545 §3.3.10), so BYWEEKNO alone means its weekday;
  dateutil takes the whole week, and is told the day.
- A list is a union: BYDAY with a number and without; dateutil asks that a day be in both, and is
  asked for each.
- BYSETPOS counts in the whole week that DTSTART is in; dateutil's first week begins with DTSTART,
  so that week is left out.
- Week 53 of a year, or 1, reaches into the year beside it, and is that year's no less: every eighth
  year's Friday of week 53 may be the 2nd of January of the ninth. dateutil takes its days for those
  of the calendar year they are in, and knows those of the next year's week 1 by that number alone,
  not as week -52. So the days around New Year are left out where the two differ in a BYWEEKNO, and
  BYSETPOS, which counts within a year, is not used with it.
- An instance is known by its instant. recurring-ical-events also takes it for another whose local
  time is this one's time in UTC, and leaves out both where that is taken out or moved; such
  differences are counted apart.
- What lasts 90 minutes ends 90 minutes later (RFC 5545 §3.3.6); recurring-ical-events counts by the clock on
  the wall, which changes meanwhile, so that some end before they begin.
- An instance that is named behind the UNTIL of its rule is none, and DTSTART is one wherever UNTIL is
  (RFC 5545 §3.8.5.3); recurring-ical-events has the one, and not the other.
- An instance is not left out because another one is moved to where it begins.

Each occurrence that is only on one side is put down to one of these; what is left counts.
"""

import argparse
import collections
import datetime
import heapq
import itertools
import os
import pathlib
import random
import signal
import subprocess
import sys
import zoneinfo

from dateutil import rrule

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
COUNT = 40

# Since when newer editions of the zone database than the system's may have Morocco at UTC for good.
MOROCCO = 1_789_862_400

# Days that week 1 or the last may have of the year beside its own.
EDGES = {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}

# Where clocks change at other hours, by half an hour, on the southern half, or not at all.
ZONES = ["Europe/Berlin", "America/New_York", "America/Los_Angeles", "Australia/Lord_Howe",
         "Australia/Sydney", "America/Santiago", "Africa/Casablanca", "Asia/Kolkata",
         "Pacific/Chatham", "America/St_Johns", "Asia/Tokyo", "Europe/London"]


def some(generator, low, high, most=3):
    values = [value for value in range(low, high + 1) if value != 0 or low == 0]
    return generator.sample(values, generator.randint(1, min(most, len(values))))


def a_rule(generator, frequencies=tuple(rrule.FREQNAMES), until=None):
    """A rule that RFC 5545 allows, and that dateutil ends within reasonable time: its parts."""
    frequency = generator.choice(frequencies)
    parts = {"FREQ": [frequency]}

    def chance(share):
        return generator.random() < share

    if chance(0.5):
        parts["INTERVAL"] = [generator.randint(1, 12)]
    if chance(0.3):
        parts["BYMONTH"] = some(generator, 1, 12)
    if frequency == "YEARLY" and chance(0.25):
        parts["BYWEEKNO"] = some(generator, -53, 53)
        if chance(0.7):
            parts["BYDAY"] = generator.sample(DAYS, generator.randint(1, 3))
    elif chance(0.4):
        days = generator.sample(DAYS, generator.randint(1, 3))
        if frequency in ("YEARLY", "MONTHLY") and chance(0.5):
            most = 5 if frequency == "MONTHLY" or "BYMONTH" in parts else 53
            share = generator.choice([0, 0.5])
            days = [day if chance(share) else f"{some(generator, -most, most, 1)[0]}{day}"
                    for day in days]
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
    is_by = any(name.startswith("BY") for name in parts)
    if is_by and "BYWEEKNO" not in parts and chance(0.2):
        parts["BYSETPOS"] = some(generator, -5, 5)
    if chance(0.3):
        parts["WKST"] = [generator.choice(DAYS)]
    if chance(0.2):
        parts["COUNT"] = [generator.randint(1, COUNT)]
    elif until is not None and chance(0.2):
        parts["UNTIL"] = [until]
    return parts


def text_of(parts):
    return ";".join(f"{name}={','.join(map(str, values))}" for name, values in parts.items())


def alternatives(parts, start):
    """Rules of which the union is what the standard means."""
    parts = dict(parts)
    if "BYWEEKNO" in parts and not parts.keys() & {"BYDAY", "BYMONTHDAY", "BYYEARDAY"}:
        parts["BYDAY"] = [DAYS[start.weekday()]]
    days = parts.get("BYDAY", [])
    plain = [day for day in days if day in DAYS]
    if not plain or len(plain) == len(days):
        return [parts]
    return [{**parts, "BYDAY": plain},
            {**parts, "BYDAY": [day for day in days if day not in DAYS]}]


def is_split_by_position(parts):
    """A position is counted in the union, which dateutil cannot be asked for."""
    days = parts.get("BYDAY", [])
    return "BYSETPOS" in parts and len({day in DAYS for day in days}) == 2


def theirs(start, parts):
    """What dateutil makes of it within a time that it gets through, and the end of that.

    Of rules that never come it is not told that they end: after half a second there is no answer.
    """
    days = {"HOURLY": 60, "MINUTELY": 5, "SECONDLY": 0.2}
    end = start + datetime.timedelta(days=days.get(parts["FREQ"][0], 365 * 12))
    count = parts.get("COUNT", [COUNT])[0]
    if "UNTIL" in parts:
        end = min(end, datetime.datetime.strptime(parts["UNTIL"][0], "%Y%m%dT%H%M%S"))
    bare = {name: value for name, value in parts.items() if name not in ("COUNT", "UNTIL")}
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.5)
    try:
        found = []
        for one in alternatives(bare, start):
            rule = rrule.rrulestr(text_of(one), dtstart=start).replace(until=end)
            found.append(itertools.islice(rule, COUNT))
        times = [time for time, _ in itertools.groupby(heapq.merge(*found))]
    except ValueError:
        # An hour that the interval never meets, say.
        times = []
    except TimeoutError:
        return end, None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if not times or times[0] != start:
        times.insert(0, start)
    return end, times[:min(count, COUNT)]


def time_is_up(_signal, _frame):
    raise TimeoutError


def example(name, words):
    """What a program of the crate makes of `words`, line by line."""
    build = ["cargo", "build", "-q", "--ignore-rust-version", "-p", "ical", "--example", name]
    subprocess.run(build, cwd=ROOT, check=True)
    done = subprocess.run([TARGET / "debug/examples" / name], input=words, capture_output=True,
                          check=True)
    return done.stdout.decode().splitlines()


def alike_but(ours, expected, is_left_out):
    """Both without some times, as far as both go."""
    ours, expected = ([time for time in times if not is_left_out(time)]
                      for times in (ours, expected))
    count = min(len(ours), len(expected))
    return ours[:count], expected[:count]


def compare_rules(generator, number):
    """Rules by themselves; how many differ."""
    cases = []
    while len(cases) < number:
        start = datetime.datetime(1990, 1, 1) + datetime.timedelta(
            seconds=generator.randint(0, 20 * 365 * 86_400))
        until = start + datetime.timedelta(seconds=generator.randint(0, 10 ** generator.randint(3, 8)))
        parts = a_rule(generator, until=until.strftime("%Y%m%dT%H%M%S"))
        if not is_split_by_position(parts):
            cases.append((start, parts))
    lines = "".join(f"{start.isoformat()} {text_of(parts)} {COUNT}\n" for start, parts in cases)
    different = unanswered = weeks = years = 0
    for (start, parts), line in zip(cases, example("expand", lines.encode()), strict=True):
        end, expected = theirs(start, parts)
        if expected is None:
            unanswered += 1
            continue
        ours = [datetime.datetime.strptime(word, "%Y%m%dT%H%M%S") for word in line.split()]
        # The start counts where nothing else does, too.
        ours = [time for time in ours if time <= end or time == start]
        if ours != expected and parts["FREQ"] == ["WEEKLY"] and "BYSETPOS" in parts:
            first = start.date() + datetime.timedelta(days=7)
            ours, expected = alike_but(ours, expected, lambda time: time.date() < first)
            weeks += 1
        if ours != expected and "BYWEEKNO" in parts:
            ours, expected = alike_but(ours, expected, lambda time: (time.month, time.day) in EDGES)
            years += 1
        if ours != expected:
            different += 1
            if different <= 10:
                print(f"{start.isoformat()} {text_of(parts)}\n  ours   {list(map(str, ours))[:6]}\n"
                      f"  theirs {list(map(str, expected))[:6]}")
    print(f"{number} rules: {different} expanded differently ({weeks} compared but for their first "
          f"week, {years} but for the days around New Year, {unanswered} that dateutil did not end)")
    return different


class Series:
    """A random object with everything that recurs, around one start."""

    def __init__(self, generator):
        self.random = generator
        self.zone = generator.choice([*ZONES, "UTC", None])
        self.is_day = generator.random() < 0.2
        self.start = datetime.datetime(2019, 1, 1) + datetime.timedelta(
            minutes=15 * generator.randint(0, 3 * 365 * 96))
        if self.is_day:
            self.start, self.zone = self.start.replace(hour=0, minute=0), None
        self.parts = self.rule() if self.chance(0.9) else None
        self.made = [self.start] if self.parts is None else self.begin_with_the_rule()
        self.from_, self.until = self.window()

    def chance(self, share):
        return self.random.random() < share

    def is_mistaken(self, time):
        """Whether an instance is one that recurring-ical-events takes for another that is named."""
        zone = zoneinfo.ZoneInfo(self.zone or "UTC")
        utc = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
        local = utc.astimezone(zone).replace(tzinfo=None)
        named_in_utc = {seconds(name.replace(tzinfo=zone)) for name in self.named}
        return utc.replace(tzinfo=None) in self.named or seconds(local) in named_in_utc

    def reason(self, start, one_side, other):
        """Why an occurrence is on one side alone, as the head of this file has it; `None`: nobody
        knows. `one_side` is `ours` or `theirs`, `other` the starts of the other."""
        zone = zoneinfo.ZoneInfo(self.zone or "UTC")
        local = datetime.datetime.fromtimestamp(start, zone)
        day = datetime.timedelta(days=1)
        if start in other:
            changes = (local - day).utcoffset() != (local + day).utcoffset()
            return "a change of the clock" if changes else None
        if self.zone == "Africa/Casablanca" and local.timestamp() >= MOROCCO:
            return "editions of the zone database"
        # Where RANGE moves all that follow by a day, it is taken for another as it was before.
        before = seconds((local - day).replace(tzinfo=zone))
        if one_side == "ours" and self.moves_all and self.is_mistaken(before):
            return "an instance that is taken for another"
        moved = {self.instant(to): id for id, to in self.moved.items()}
        until = self.instant_of_until()
        if one_side == "theirs" and until and start in moved:
            return "UNTIL" if self.instant(moved[start]) > until else None
        if one_side == "ours" and until and start == self.instant(self.start) > until:
            return "UNTIL"
        if one_side == "ours" and start in moved:
            return "the start of a moved instance"
        if self.parts and "BYWEEKNO" in self.parts and (local.month, local.day) in EDGES:
            return "days around New Year"
        return None

    def instant(self, local):
        return seconds(local.replace(tzinfo=zoneinfo.ZoneInfo(self.zone or "UTC")))

    def instant_of_until(self):
        (text,) = (self.parts or {}).get("UNTIL", [None])
        if text is None:
            return None
        form = "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d"
        until = datetime.datetime.strptime(text.rstrip("Z"), form)
        return seconds(until) if text.endswith("Z") else self.instant(until)

    def rule(self):
        """Days and more: what recurs within a day is compared by itself."""
        while True:
            parts = a_rule(self.random, ("YEARLY", "MONTHLY", "WEEKLY", "DAILY"), "later")
            if self.is_day:
                for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
                    parts.pop(name, None)
            # What those two read otherwise is compared by itself as well.
            if len(alternatives(parts, self.start)) == 1 and not (
                    "BYSETPOS" in parts and parts["FREQ"] == ["WEEKLY"]):
                return alternatives(parts, self.start)[0]

    def until_later(self):
        """An UNTIL some time after the start (RFC 5545 §3.3.10: in UTC where that is in a zone)."""
        until = self.start + datetime.timedelta(days=self.random.randint(0, 700))
        form = "%Y%m%d" if self.is_day else "%Y%m%dT%H%M%S" + ("Z" if self.zone else "")
        return until.strftime(form)

    def window(self):
        first = self.start - datetime.timedelta(days=self.random.randint(0, 60))
        last = first + datetime.timedelta(days=self.random.randint(1, 900))
        return (time.replace(tzinfo=datetime.timezone.utc) for time in (first, last))

    def value(self, name, *times, more=""):
        """A property with times as the start has them."""
        if self.is_day:
            kind, form = ";VALUE=DATE", "%Y%m%d"
        elif self.zone == "UTC":
            kind, form = "", "%Y%m%dT%H%M%SZ"
        else:
            kind, form = f";TZID={self.zone}" if self.zone else "", "%Y%m%dT%H%M%S"
        return f"{name}{kind}{more}:{','.join(time.strftime(form) for time in times)}"

    def component(self, start, *lines):
        if self.is_day:
            end = self.value("DTEND", start + datetime.timedelta(days=self.days))
        else:
            end = f"DURATION:PT{self.minutes}M"
        return ["BEGIN:VEVENT", "UID:1", "DTSTAMP:20190101T000000Z", self.value("DTSTART", start),
                end, *lines, "END:VEVENT"]

    def text(self):
        self.minutes, self.days = self.random.choice([15, 60, 90]), self.random.randint(1, 3)
        lines = [f"RRULE:{text_of(self.parts)}"] if self.parts else []
        made = self.made
        if self.chance(0.3):
            lines.append(self.value("RDATE", *(self.nearby() for _ in range(3))))
        # The start itself is not taken out: the two would not agree on what is left of COUNT.
        out = [time for time in made[1:] if self.chance(0.3)][:4]
        self.named, self.moved, self.moves_all = set(), {}, False
        if out and self.chance(0.5):
            self.named.update(out)
            lines.append(self.value("EXDATE", *out))
        components = self.component(self.start, *lines)
        left = [time for time in made[1:] if time not in out]
        if left and self.chance(0.5):
            for id in self.random.sample(left, min(len(left), self.random.randint(1, 3))):
                moved = id + datetime.timedelta(days=self.random.randint(-3, 3))
                self.named.add(id)
                self.moved[id] = moved
                components += self.component(moved, self.value("RECURRENCE-ID", id))
        elif left and self.chance(0.3):
            id = self.random.choice(left)
            moved = id + datetime.timedelta(days=1)
            self.named.add(id)
            self.moved[id], self.moves_all = moved, True
            components += self.component(
                moved, self.value("RECURRENCE-ID", id, more=";RANGE=THISANDFUTURE"))
        return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Test//EN",
                            *components, "END:VCALENDAR", ""])

    def nearby(self):
        time = self.start + datetime.timedelta(days=self.random.randint(1, 700))
        return time if self.is_day else time + datetime.timedelta(minutes=15)

    def begin_with_the_rule(self):
        """Moves the start to where the rule makes an instance, as programs have it; the first of
        them, to be taken out or moved."""
        parts = {name: values for name, values in self.parts.items()
                 if name not in ("UNTIL", "COUNT")}
        _, times = theirs(self.start, parts)
        # Without any there is the start alone, which no COUNT is told of.
        if times is None or len(times) < 3:
            self.parts = None
            return [self.start]
        self.start = times[1]
        if "UNTIL" in self.parts:
            self.parts["UNTIL"] = [self.until_later()]
        count = self.parts.get("COUNT", [COUNT])[0]
        return times[1:][:min(count, 12)]


def their_occurrences(text, from_, until):
    """What recurring-ical-events makes of an object, as seconds; `None` where that takes long."""
    import icalendar
    import recurring_ical_events

    signal.setitimer(signal.ITIMER_VIRTUAL, 5)
    try:
        query = recurring_ical_events.of(icalendar.Calendar.from_ical(text))
        found = [(seconds(event.start), seconds(event.end)) for event in query.between(from_, until)]
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return sorted(found)


def seconds(time):
    """Of a date or a time, floating ones as if in UTC."""
    if not isinstance(time, datetime.datetime):
        time = datetime.datetime(time.year, time.month, time.day)
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    return int(time.timestamp())


def reasons_of(series, ours, expected):
    """Why the two differ, for each occurrence that only one of them has."""
    why = set()
    for one_side, some, others in [("ours", ours, expected), ("theirs", expected, ours)]:
        starts = {start for start, _ in others}
        alone = set(some) - set(others)
        why.update(series.reason(start, one_side, starts) for start, _ in alone)
    return why


def compare_objects(generator, number):
    """Whole objects; how many differ."""
    cases, words = [], b""
    for _ in range(number):
        series = Series(generator)
        text = series.text()
        cases.append((text, series))
        body = text.encode()
        words += (f"{seconds(series.from_)} {seconds(series.until)} {len(body)}\n").encode() + body
    different = unanswered = refused = mistaken = total = 0
    reasons = collections.Counter()
    for (text, series), line in zip(cases, example("occurrences", words), strict=True):
        expected = their_occurrences(text, series.from_, series.until)
        if expected is None:
            unanswered += 1
            continue
        if line and "/" not in line:
            refused += 1
            print(f"refused: {line}\n{text}")
            continue
        ours = sorted(tuple(map(int, word.split("/"))) for word in line.split())
        total += len(expected)
        if missing := set(ours) - set(expected):
            mistakes = {one for one in missing if series.is_mistaken(one[0])}
            ours = [one for one in ours if one not in mistakes]
            mistaken += bool(mistakes)
        if ours != expected:
            why = reasons_of(series, ours, expected)
            if None not in why:
                reasons.update(why)
                continue
            different += 1
            if different <= 10:
                print(f"{text}\nfrom {series.from_} to {series.until}")
                for label, times in [("ours", ours), ("theirs", expected)]:
                    other = expected if times is ours else ours
                    shown = [[str(datetime.datetime.fromtimestamp(each, datetime.timezone.utc))
                              for each in time] for time in times if time not in other][:6]
                    print(f"  only {label:6} {shown}")
    print(f"{number} objects, {total} occurrences: {different} expanded differently "
          f"({mistaken} where an instance is taken for another, {unanswered} that took "
          f"recurring-ical-events too long, {refused} refused)")
    for why, count in reasons.most_common():
        print(f"  {count} more differ by {why}")
    return different + refused


def main():
    signal.signal(signal.SIGVTALRM, time_is_up)
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", type=int, default=20_000)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    different = compare_rules(generator, options.rules)
    if options.objects:
        different += compare_objects(generator, options.objects)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
