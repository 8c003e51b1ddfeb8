"""One seed: some connections, each in a mode of its own, do what clients do, and are compared at rests.

In a serial seed one command follows the other, whoever sends it, so that it repeats exactly; there is
checked what only holds while nobody else is about. In a concurrent seed all connections work at once.
"""

import asyncio
import contextlib
import random
import smtplib

import checks
from checks import Check
from client import PATIENCE, Command, Connection, Listed, MailboxStatus, compact, quote
from mirror import Mirror, Watch

MODES = [
    "",
    "IMAP4rev2",
    "CONDSTORE",
    "QRESYNC",
    "IMAP4rev2 QRESYNC",
    "UIDONLY",
    "UIDONLY QRESYNC",
    "UIDONLY IMAP4rev2 CONDSTORE",
]
FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "\\Draft", "k1", "k2", "$Junk"]
CRITERIA = ["ALL", "UNSEEN", "SEEN", "FLAGGED", "KEYWORD k1", "UNKEYWORD k1", "DELETED", "UNDELETED"]
CRITERIA += ["NOT SEEN", "OR FLAGGED KEYWORD k1", "OR DELETED SUBJECT bar", "NOT (SEEN FLAGGED)"]
CRITERIA += ["ANSWERED UNDELETED", "LARGER 300", "SUBJECT foo", "FROM a"]
# `*` is another message whenever one comes or the last one goes.
CRITERIA += ["UID 1:*", "UID 4:*", "NOT UID 3:*", "UID *", "NOT UID *", "UID 2,*", "OR UID * FLAGGED"]
# Of annotations, which anybody may have changed.
NOTES = ['ANNOTATION /comment value.priv "n0"', 'NOT ANNOTATION /comment value.shared "n1"']
NOTE_ORDERS = ["ANNOTATION /comment value.priv", "REVERSE ANNOTATION /comment value.shared"]
# A message is recent to the first session that is told of it, and IMAP4rev2 knows nothing of that.
RECENT = ["RECENT", "OLD", "NEW"]
ORDERS = ["SUBJECT", "REVERSE SIZE", "ARRIVAL", "FROM SUBJECT", "DATE", "REVERSE ARRIVAL"]
ORDERS += ["SIZE REVERSE DATE"]
# What NOTIFY is asked for, and which words of that decide what comes of the selected mailbox.
NOTIFY = {
    "SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))": {"SELECTED", "FlagChange"},
    "SET (SELECTED (MessageNew MessageExpunge FlagChange))": {"SELECTED", "FlagChange"},
    "SET (SELECTED (MessageNew MessageExpunge))": {"SELECTED"},
    "SET (SELECTED-DELAYED (MessageNew (UID FLAGS) MessageExpunge FlagChange))": {"DELAYED", "FlagChange"},
    "SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))"
    " (personal (MessageNew MessageExpunge FlagChange MailboxName))": {"DELAYED", "FlagChange"},
    "SET (SELECTED-DELAYED (MessageNew (UID) MessageExpunge))"
    " (inboxes (MessageNew MessageExpunge))": {"DELAYED"},
    "NONE": set(),
}
WATCHED = "(MessageNew MessageExpunge FlagChange AnnotationChange MailboxName)"
STANDARD = {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"}
MADE = ["A", "A/b", "C", "S", "S/t"]
ALL_RIGHTS = "lrswipkxtecda"
EXAMPLE = b"Subject: x\r\n\r\nx"
# LIMIT: how many earlier states are kept, and how many of them are tried at each rest.
SNAPSHOTS, RESYNCS = 200, 6


class Trial:
    """What one seed does to a server. The owner shares the mailboxes `S` and `S/t` with the guest."""

    def __init__(self, seed, ports, owner, guest, ledger):
        self.chance = random.Random(seed)
        self.seed = seed
        self.ports = ports
        self.owner, self.guest = owner, guest
        self.shared = f"Other Users/{owner[0]}/"
        self.ledger = ledger
        self.facts = checks.Facts(ledger)
        self.serial = self.chance.random() < 0.5
        self.messages = 0
        self.snapshots = []
        self.sent_away = []
        self.clients = []
        self.witnesses = []
        self.watchers = []

    @property
    def failed(self):
        return bool(self.ledger.violations)

    @property
    def connections(self):
        return self.clients + self.watchers + self.witnesses

    def connection(self, name, account, kind=Mirror):
        return Connection(name, self.ports["imap"], account, kind(self.ledger, self.facts))

    async def run(self, connections, operations):
        """All of it. What is wrong is in the ledger then."""
        try:
            await self.prepare()
            for number in range(connections):
                account = self.guest if number % 3 == 2 else self.owner
                client = self.connection(chr(ord("a") + number), account)
                client.mode = self.chance.choice(MODES)
                client.compressed = self.chance.random() < 0.2
                self.clients.append(client)
                await open_client(client)
            await self.set_watchers()
            while operations > 0 and not self.failed:
                stretch = min(operations, self.chance.randint(10, 100))
                await self.work(stretch)
                operations -= stretch
                if not self.failed:
                    await self.rest()
        except TimeoutError as error:
            self.ledger.check(Check.GRAMMAR, False, "?", str(error))
        finally:
            for connection in self.connections:
                with contextlib.suppress(TimeoutError, OSError):
                    await connection.close(goodbye=not self.failed)

    async def prepare(self):
        """The mailboxes as every seed finds them."""
        for name, account in ("owner", self.owner), ("guest", self.guest):
            witness = self.connection(name, account)
            self.witnesses.append(witness)
            await witness.open()
            listed = await witness.run('LIST "" "*"')
            names = {response.mailbox for response in listed.responses(Listed)}
            for mailbox in sorted(names - STANDARD, key=len, reverse=True):
                if not mailbox.startswith("Other Users"):
                    await witness.run(f"DELETE {quote(mailbox)}")
            await witness.run("SELECT INBOX", mailbox="INBOX")
            if len(witness.mirror.box):
                await witness.run("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
            await witness.run("CLOSE")
            for mailbox in MADE if account is self.owner else ["M"]:
                await witness.run(f"CREATE {mailbox}")
            if account is self.owner:
                for mailbox in ("S", "S/t"):
                    await witness.run(f"SETACL {mailbox} {self.guest[0]} {ALL_RIGHTS}")

    async def set_watchers(self):
        """One for each account, with MODSEQ or without."""
        shared = f' (subtree "Other Users" {WATCHED})'
        for name, account, more in ("owner-watcher", self.owner, ""), ("guest-watcher", self.guest, shared):
            watcher = self.connection(name, account, Watch)
            watcher.mode, watcher.scope = self.chance.choice(["", "QRESYNC"]), f"(personal {WATCHED}){more}"
            watcher.compressed = False
            self.watchers.append(watcher)
            await open_client(watcher)
            await checks.watch(watcher, watcher.scope)

    async def work(self, operations):
        if self.serial:
            for _ in range(operations):
                if not self.failed:
                    await self.operate(self.chance.choice(self.clients))
            return

        async def share(client):
            for _ in range(operations // len(self.clients) + 1):
                if not self.failed:
                    await self.operate(client)

        await asyncio.gather(*map(share, self.clients))

    async def operate(self, client):
        """One operation of one client."""
        if not client.alive:
            await self.reopen(client)
        elif client.idling:
            if self.chance.random() < 0.5:
                await client.end_idle()
        elif client.mirror.selected is None or self.chance.random() < 0.04:
            await select(self, client)
        else:
            [operation] = self.chance.choices(list(OPERATIONS), OPERATIONS.values())
            await operation(self, client)
        if client.alive and not client.idling and self.chance.random() < 0.25:
            if snapshot := checks.Snapshot.of(client):
                self.snapshots.append(snapshot)
                if len(self.snapshots) > SNAPSHOTS:
                    del self.snapshots[self.chance.randrange(SNAPSHOTS)]

    async def reopen(self, client):
        """The server says BYE to who has a mailbox selected that is deleted."""
        await client.reading
        if client.mirror.mailbox_id:
            self.sent_away.append((client.name, client.mirror.mailbox_id, client.bye))
        client.writer.close()
        await open_client(client)

    async def rest(self):
        """Nobody does anything: all clients must believe what a fresh connection sees."""
        mailboxes = {}
        for account in (self.guest, self.owner):
            fresh = self.connection("fresh", account)
            self.witnesses.append(fresh)
            await fresh.open()
            seen = await checks.look(fresh, account)
            mailboxes |= {mailbox.id: mailbox for mailbox in seen.values()}
            if account is self.owner and not self.failed:
                await self.resynchronise(fresh, {mailbox.id: mailbox for mailbox in seen.values()})
            for watcher in self.watchers:
                if watcher.account is account and not self.failed:
                    await checks.compare_watch(watcher, watcher.scope, seen)
            if not self.failed:
                await fresh.close()
                self.witnesses.remove(fresh)
        for name, mailbox_id, bye in self.sent_away:
            gone = mailbox_id not in mailboxes
            self.ledger.check(Check.NUMBERS, gone, name, f"BYE {bye}, and the mailbox is there")
        self.sent_away.clear()
        for client in self.clients:
            mailbox = mailboxes.get(client.mirror.mailbox_id)
            if client.alive and client.mirror.selected and mailbox and not self.failed:
                await checks.compare_mirror(client, mailbox)
                if client.alive and not self.failed:
                    await checks.compare_searches(client, mailbox, self.chance)

    async def resynchronise(self, connection, mailboxes):
        usable = [
            snapshot
            for snapshot in self.snapshots
            if snapshot.mailbox_id in mailboxes
            and mailboxes[snapshot.mailbox_id].uidvalidity == snapshot.uidvalidity
        ]
        for snapshot in self.chance.sample(usable, min(RESYNCS, len(usable))):
            mailbox = mailboxes[snapshot.mailbox_id]
            await checks.resynchronise(connection, snapshot, mailbox, self.chance)

    # choices

    def names(self, client):
        shared = [self.shared + "S", self.shared + "S/t"]
        return ["INBOX", *MADE] if client.account is self.owner else ["INBOX", "M", *shared, shared[0]]

    def target(self, client):
        return self.chance.choice(self.names(client))

    def some(self, uids, most=4):
        """Some of them in their order, neighbours or scattered."""
        count = min(len(uids), self.chance.randint(1, most))
        if self.chance.random() < 0.5:
            first = self.chance.randrange(len(uids) - count + 1)
            return uids[first : first + count]
        return sorted(self.chance.sample(uids, count))

    def criteria(self, client):
        if client.mirror.condstore and self.chance.random() < 0.1:
            return f"MODSEQ {max(1, client.mirror.highest - self.chance.randint(0, 6))}"
        if self.chance.random() < 0.1:
            return self.chance.choice(NOTES if "IMAP4REV2" in client.mirror.enabled else NOTES + RECENT)
        return self.chance.choice(CRITERIA)

    def numbered(self, client, uids):
        """How a command names these messages: the prefix, the set, and {UID: number or UID}."""
        mirror = client.mirror
        if mirror.uid_only or mirror.immediate or self.chance.random() < 0.5:
            return "UID ", compact(uids), {uid: uid for uid in uids}
        numbers = {uid: mirror.box.number(uid) for uid in uids}
        return "", compact(numbers.values()), numbers

    def message(self):
        """A message that can be told from all others by its token."""
        self.messages += 1
        token = f"X-Token: {self.seed}-{self.messages}"
        sender, subject = self.chance.choice("abc"), self.chance.choice(["foo", "bar", "Re: foo", "zeta"])
        date = f"Mon, {self.chance.randint(1, 28)} Jan 2024 10:00:00 +0000"
        body = "x" * self.chance.choice([0, 10, 200, 500])
        lines = [f"From: {sender}@x.test", f"Subject: {subject}", f"Date: {date}", token, "", body, ""]
        return token, "\r\n".join(lines).encode()

    def appended(self, count=1):
        """What APPEND and REPLACE end with: flags and literals, and the tokens of the messages."""
        tokens, text = [], b""
        for _ in range(count):
            token, message = self.message()
            tokens.append(token)
            flags = self.chance.sample(FLAGS, self.chance.randint(0, 2))
            text += f" ({' '.join(flags)}) {{{len(message)}+}}\r\n".encode() + message
        return tokens, text

    async def placed(self, client, mailbox, uidvalidity, uids, tokens):
        """UIDs told by a response code lie below UIDNEXT of this UIDVALIDITY and name these messages."""
        if not self.serial:
            return
        command = await client.run(f"STATUS {quote(mailbox)} (MAILBOXID UIDVALIDITY UIDNEXT)")
        for response in command.responses(MailboxStatus):
            # NOTIFY brings STATUS of its own, with other items.
            items = response.items
            if response.mailbox == mailbox and items.keys() == {"MAILBOXID", "UIDVALIDITY", "UIDNEXT"}:
                right = items["UIDVALIDITY"] == uidvalidity and max(uids) < items["UIDNEXT"]
                what = f"{uidvalidity} {uids} for {mailbox}, of which STATUS is {items}"
                client.mirror.check(Check.UIDPLUS, right, what)
                for uid, token in zip(uids, tokens):
                    if token:
                        self.facts.token(client.name, items["MAILBOXID"], uid, token)


async def open_client(client):
    await client.open()
    if client.compressed:
        await client.compress()
    if client.mode:
        await client.run(f"ENABLE {client.mode}")
        lacking = set(client.mode.upper().split()) - client.mirror.enabled
        client.mirror.grammar(not lacking, f"{lacking} not enabled")


# ---- what clients do


async def select(trial, client):
    """SELECT or EXAMINE, at times from what some client knew of some mailbox before."""
    name, parameter, enables = trial.target(client), "", set()
    verb = "EXAMINE" if trial.chance.random() < 0.15 else "SELECT"
    earlier = [snapshot for snapshot in trial.snapshots if snapshot.qresync]
    if client.mirror.qresync and earlier and trial.chance.random() < 0.6:
        # Of another mailbox as likely as not: then UIDVALIDITY differs, and the server must not use it.
        snapshot = trial.chance.choice(earlier)
        parameter = f" (QRESYNC ({snapshot.uidvalidity} {snapshot.highest}))"
    elif trial.chance.random() < 0.2:
        parameter, enables = " (CONDSTORE)", {"CONDSTORE"}
    command = await client.run(f"{verb} {quote(name)}{parameter}", mailbox=name, enables=enables)
    if command.ok and trial.chance.random() < 0.8:
        await checks.fill(client)


async def append(trial, client):
    count = trial.chance.choice([1, 1, 1, 2, 4])
    mailbox = trial.target(client)
    tokens, text = trial.appended(count)
    command = await client.run(b"APPEND " + quote(mailbox).encode() + text)
    if command.ok:
        told = command.find_code("APPENDUID")
        right = told is not None and len(told[1]) == count
        if client.mirror.check(Check.UIDPLUS, right, f"APPENDUID {told} for {count} messages"):
            await trial.placed(client, mailbox, *told, tokens)


async def replace(trial, client):
    uids = client.mirror.known_uids()
    if not uids or client.mirror.read_only:
        return
    uid = trial.chance.choice(uids)
    prefix, number, _ = trial.numbered(client, [uid])
    mailbox = trial.target(client)
    tokens, text = trial.appended()
    command = await client.run(f"{prefix}REPLACE {number} {quote(mailbox)}".encode() + text)
    if command.ok:
        told = command.find_code("APPENDUID")
        if client.mirror.check(Check.UIDPLUS, told, f"no APPENDUID for {command}"):
            await trial.placed(client, mailbox, *told, tokens)
        if trial.serial:
            gone = uid not in client.mirror.known_uids()
            client.mirror.check(Check.MIRROR, gone, f"{uid} is there after {command}")


async def transfer(trial, client):
    """COPY or MOVE."""
    mirror = client.mirror
    uids = mirror.known_uids()
    verb = "COPY" if mirror.read_only or trial.chance.random() < 0.5 else "MOVE"
    if not uids:
        return
    uids = trial.some(uids)
    prefix, numbers, _ = trial.numbered(client, uids)
    mailbox, source, selected = trial.target(client), mirror.mailbox_id, mirror.selected
    command = await client.run(f"{prefix}{verb} {numbers} {quote(mailbox)}")
    told = command.find_code("COPYUID") if command.ok else None
    if not told:
        # None of the messages need be there any more where they are named by UID.
        lacking = command.ok and trial.serial and not prefix
        mirror.check(Check.UIDPLUS, not lacking, f"no COPYUID for {command}")
        return
    uidvalidity, sources, copies = told
    right = len(sources) == len(copies) and set(sources) <= set(uids)
    mirror.check(Check.UIDPLUS, right, f"COPYUID {told} for {uids}")
    tokens = [trial.facts.tokens.get((source, uid)) for uid in sources]
    await trial.placed(client, mailbox, uidvalidity, copies, tokens)
    if verb == "MOVE" and mailbox != selected and trial.serial:
        left = set(sources) & set(mirror.known_uids())
        mirror.check(Check.MIRROR, not left, f"{left} are there after {command}")


def store_command(trial, client, uids, limit=None, by_uid=False):
    """A STORE that changes flags in one of the three ways, silently or not."""
    mirror, sign = client.mirror, trial.chance.choice(["+", "-", "", "+", "-"])
    flags = trial.chance.sample(FLAGS, trial.chance.randint(1 if sign else 0, 2))
    silent = trial.chance.random() < 0.4
    if by_uid:
        prefix, named, numbers = "UID ", compact(uids), {uid: uid for uid in uids}
    else:
        prefix, named, numbers = trial.numbered(client, uids)
    if limit is None and mirror.condstore and trial.chance.random() < 0.3:
        limit = max(0, mirror.highest - trial.chance.randint(-1, 5))
    condition = "" if limit is None else f" (UNCHANGEDSINCE {limit})"
    lower = frozenset(flag.lower() for flag in flags)
    change = {"+": lower.union, "-": lambda old: old - lower, "": lambda old: lower}[sign]
    text = f"{prefix}STORE {named}{condition} {sign}FLAGS{'.SILENT' * silent} ({' '.join(flags)})"
    return Command(text, silent=silent, numbers=numbers, change=change)


async def store(trial, client):
    uids = client.mirror.known_uids()
    if uids and not client.mirror.read_only:
        await client.run(store_command(trial, client, trial.some(uids)))


async def store_if_unchanged(trial, client):
    """UNCHANGEDSINCE with a limit below, at or above the MODSEQs that there are."""
    mirror = client.mirror
    if not trial.serial or not mirror.condstore or mirror.read_only:
        return
    await client.run("NOOP")
    if not client.alive or not mirror.known_uids():
        return
    uids = trial.some(mirror.known_uids())
    await client.run(f"UID FETCH {compact(uids)} (UID FLAGS MODSEQ)")
    modseqs = [mirror.box.get(uid).modseq for uid in uids]
    limit = trial.chance.choice([0, *modseqs, max(modseqs) - 1])
    await checks.store_if_unchanged(client, store_command(trial, client, uids, limit), uids, limit)


async def annotate(trial, client):
    """An annotation of messages, for oneself or for all (RFC 5257); that is a change of the message."""
    mirror = client.mirror
    if mirror.known_uids() and not mirror.read_only:
        prefix, numbers, _ = trial.numbered(client, trial.some(mirror.known_uids()))
        whose = trial.chance.choice(["priv", "shared"])
        value = trial.chance.choice(["NIL", '"n0"', '"n1"', '"n2"'])
        await client.run(f"{prefix}STORE {numbers} ANNOTATION (/comment (value.{whose} {value}))")


async def expunge(trial, client):
    if not client.mirror.read_only:
        uids = client.mirror.known_uids()
        some = f"UID EXPUNGE {compact(trial.some(uids))}" if uids else "EXPUNGE"
        await client.run(trial.chance.choice([some, "EXPUNGE", "EXPUNGE"]))


async def noop(trial, client):
    # RFC 9051 has no CHECK any more.
    rev2 = "IMAP4REV2" in client.mirror.enabled
    await client.run("NOOP" if rev2 else trial.chance.choice(["NOOP", "CHECK"]))


async def fetch(trial, client):
    mirror = client.mirror
    uids = mirror.known_uids()
    if not uids:
        return
    items = ["UID", "FLAGS", "EMAILID", "THREADID", "RFC822.SIZE", "BODY.PEEK[HEADER]", "INTERNALDATE"]
    items += ["ENVELOPE", "BODYSTRUCTURE"]
    if not mirror.read_only:
        # This one sets \Seen.
        items.append("BODY[TEXT]")
    if mirror.condstore:
        items.append("MODSEQ")
    prefix, numbers, _ = trial.numbered(client, trial.some(uids, 6))
    chosen = " ".join(trial.chance.sample(items, trial.chance.randint(1, 4)))
    await client.run(f"{prefix}FETCH {numbers} ({chosen})")


async def fetch_changed(trial, client):
    mirror = client.mirror
    if mirror.condstore and mirror.known_uids():
        since = max(1, mirror.highest - trial.chance.randint(0, 8))
        vanished = " VANISHED" if mirror.qresync else ""
        await client.run(f"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since}{vanished})")


async def search(trial, client):
    mirror = client.mirror
    returned = trial.chance.choice(["", "RETURN () ", "RETURN (MIN MAX COUNT) ", "RETURN (ALL COUNT) "])
    by_uid = mirror.uid_only or mirror.immediate or trial.chance.random() < 0.5
    await client.run(f"{'UID ' * by_uid}SEARCH {returned}{trial.criteria(client)}")


async def save(trial, client):
    returned = trial.chance.choice(["SAVE ALL", "SAVE MIN", "SAVE MIN MAX", "SAVE COUNT ALL"])
    await client.run(f"UID SEARCH RETURN ({returned}) {trial.criteria(client)}", save=True)


async def follow(trial, client):
    """A search or sort that is to be kept up to date, by UID or by number."""
    mirror = client.mirror
    await checks.fill(client)
    by_uid = mirror.uid_only or mirror.immediate or trial.chance.random() < 0.6
    order = trial.chance.choice(ORDERS + NOTE_ORDERS) if trial.chance.random() < 0.45 else None
    criteria = trial.criteria(client)
    update = trial.chance.choice(["UPDATE ALL", "UPDATE COUNT ALL", "CONTEXT UPDATE ALL"])
    how = f"SORT RETURN ({update}) ({order}) UTF-8" if order else f"SEARCH RETURN ({update})"
    await client.run(f"{'UID ' * by_uid}{how} {criteria}", follow=(by_uid, order, criteria))


async def cancel(trial, client):
    if client.mirror.followed:
        tag = trial.chance.choice(list(client.mirror.followed))
        client.mirror.stop_following(tag)
        await client.run(f'CANCELUPDATE "{tag}"')


async def partial(trial, client):
    """PARTIAL beside the whole, with nobody else about."""
    await client.run("NOOP")
    if trial.serial and client.alive:
        low, high = trial.chance.randint(1, 6), trial.chance.randint(1, 8)
        criteria, backwards = trial.chance.choice(CRITERIA), trial.chance.random() < 0.5
        await checks.compare_partial(client, criteria, low, high, backwards)


async def status(trial, client):
    # HIGHESTMODSEQ turns CONDSTORE on (RFC 7162 §3.1).
    text = f"STATUS {quote(trial.target(client))} ({checks.STATUS_ITEMS})"
    await client.run(text, enables={"CONDSTORE"})


async def mailboxes(trial, client):
    """CREATE, DELETE and RENAME. Who deletes what it has selected could not go on, so it leaves first."""
    mine = client.account is trial.owner
    shared = [trial.shared + "S/t", trial.shared + "S/u"]
    pool = ["A", "A/b", "C", "D", "S/t"] if mine else ["M", "M/n", *shared]
    one, other = trial.chance.choices(pool, k=2)
    kind = trial.chance.random()
    if kind < 0.5:
        await client.run(f"CREATE {quote(one)}")
    elif kind < 0.7:
        await client.run("UNSELECT")
        await client.run(f"DELETE {quote(one)}")
    elif kind < 0.95 or not mine:
        await client.run(f"RENAME {quote(one)} {quote(other)}")
    else:
        await client.run(f"RENAME INBOX {quote(one)}")


async def leave(trial, client):
    await client.run(trial.chance.choice(["CLOSE", "UNSELECT"]))


async def idle(trial, client):
    await client.begin_idle()


async def notify(trial, client):
    events = trial.chance.choice(list(NOTIFY))
    await client.run(f"NOTIFY {events}", events=NOTIFY[events])


async def deliver(trial, client):
    """A message comes by LMTP, of which no connection knows."""
    _, message = trial.message()
    to = trial.chance.choice([trial.owner, trial.guest])[0]

    def send():
        with smtplib.LMTP("127.0.0.1", trial.ports["lmtp"], timeout=PATIENCE) as lmtp:
            lmtp.sendmail("a@x.test", [to], message)

    await asyncio.to_thread(send)


async def pipeline(trial, client):
    """Several commands at once; by number only those during which no message may go."""
    mirror, commands = client.mirror, []
    by_number = not mirror.uid_only and not mirror.immediate and trial.chance.random() < 0.4
    for _ in range(trial.chance.randint(2, 5)):
        uids = mirror.known_uids()
        if by_number:
            number = trial.chance.randint(1, max(1, len(mirror.box)))
            # After NOOP there may be fewer messages, and the number is none any more.
            texts = ["NOOP", f"SEARCH {trial.criteria(client)}", f"FETCH {number} (UID FLAGS)"]
            commands.append(Command(trial.chance.choice(texts), may_be_bad=True))
            continue
        texts = ["NOOP", f"UID SEARCH {trial.criteria(client)}"]
        texts += [f"STATUS {quote(trial.target(client))} (MESSAGES UIDNEXT)", "select", "append", "follow"]
        if uids:
            named = compact(trial.some(uids))
            texts += [f"UID FETCH {named} (UID FLAGS)", f"UID COPY {named} {quote(trial.target(client))}"]
            if not mirror.read_only:
                texts += [f"UID MOVE {named} {quote(trial.target(client))}", f"UID EXPUNGE {named}"]
                texts += ["EXPUNGE", "store", "store"]
        match trial.chance.choice(texts):
            case "store":
                commands.append(store_command(trial, client, trial.some(uids), by_uid=True))
            case "append":
                _, text = trial.appended()
                commands.append(Command(b"APPEND " + quote(trial.target(client)).encode() + text))
            case "follow":
                text = "UID SEARCH RETURN (UPDATE ALL) UNSEEN"
                commands.append(Command(text, follow=(True, None, "UNSEEN")))
            case "select":
                name = trial.target(client)
                commands.append(Command(f"SELECT {quote(name)}", mailbox=name))
                # There may be no such mailbox, and then none is selected.
                commands.append(Command("UID FETCH 1:* (UID FLAGS)", may_be_bad=True))
                break
            case text:
                commands.append(Command(text))
    await client.answers(commands)


async def refused(trial, client):
    """What must fail, whole: the mailboxes are what they were."""
    if not trial.serial:
        return
    mirror = client.mirror
    literal = b" {%d+}\r\n" % len(EXAMPLE) + EXAMPLE
    inbox = b"APPEND INBOX" + literal
    texts = ["CREATE INBOX", "DELETE INBOX", "RENAME nowhere1 nowhere2", 'RENAME A "B//C"']
    texts += [b"APPEND nowhere" + literal, inbox + b" (\\Seen) {0+}\r\n", inbox + b" {3+}\r\na\0b"]
    if uids := mirror.known_uids():
        named = compact(trial.some(uids))
        texts += [f"UID COPY {named} nowhere", f"UID MOVE {named} nowhere"]
        texts += [f"UID STORE {named} +FLAGS (\\Recent)", f"UID STORE {named} +FLAGS (\\Foo)"]
        texts += [b"UID REPLACE %d nowhere" % uids[0] + literal, b"UID REPLACE 99999 INBOX" + literal]
        if mirror.uid_only:
            by_number = ["STORE 1 +FLAGS (k1)", "FETCH 1 (FLAGS)", "COPY 1 INBOX", "UID SEARCH 1:2"]
            texts += 2 * by_number
        if mirror.read_only:
            texts += 3 * [f"UID STORE {named} +FLAGS (k2)", f"UID MOVE {named} INBOX", "EXPUNGE"]
    before = [await checks.fingerprint(witness) for witness in trial.witnesses]
    command = await client.run(trial.chance.choice(texts), may_be_bad=True)
    if command.status in ("NO", "BAD"):
        after = [await checks.fingerprint(witness) for witness in trial.witnesses]
        changes = [pair for pair in zip(sum(before, []), sum(after, [])) if pair[0] != pair[1]]
        mirror.check(Check.REFUSED, before == after, f"{command.status} for {command}, and {changes}")


# How often each is done, beside the others.
OPERATIONS = {
    store: 16,
    store_if_unchanged: 4,
    annotate: 4,
    append: 8,
    replace: 4,
    transfer: 12,
    expunge: 10,
    deliver: 2,
    mailboxes: 5,
    noop: 6,
    fetch: 6,
    fetch_changed: 2,
    search: 4,
    save: 3,
    follow: 6,
    cancel: 1,
    partial: 3,
    status: 2,
    leave: 2,
    idle: 4,
    notify: 3,
    pipeline: 10,
    refused: 4,
}
