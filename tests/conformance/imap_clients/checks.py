"""What is checked, the RFC that demands it, and how a fresh connection is asked for the truth."""

import collections
import dataclasses
import enum

from client import Fetch, Listed, MailboxStatus, Vanished, quote

TRUTH_ITEMS = "UID FLAGS MODSEQ RFC822.SIZE EMAILID BODY.PEEK[HEADER.FIELDS (X-TOKEN)]"
STATUS_ITEMS = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID"


class Check(enum.Enum):
    """A letter for the group, what must hold, and where that stands."""

    MIRROR = "a", "after NOOP a client believes what a fresh connection sees", "RFC 9051 §5.2"
    UNASKED = "a", "and without NOOP in IDLE and under NOTIFY SELECTED", "RFC 9051 §6.3.13, RFC 5465 §5"
    NUMBERS = "a", "no response contradicts what came before", "RFC 9051 §2.3.1, §7.5"
    EXPUNGE = "b", "messages go only when a client can bear it", "RFC 9051 §7.5.1, RFC 7162 §3.2.10"
    UIDONLY = "b", "no message numbers under UIDONLY", "RFC 9586 §3"
    MODSEQ = "c", "MODSEQ comes with flags, grows, and stands for one state", "RFC 7162 §3.1"
    RESYNC = "c", "QRESYNC brings an earlier state up to date", "RFC 7162 §3.2.5"
    CHANGED = "c", "so does CHANGEDSINCE, with VANISHED as well", "RFC 7162 §3.1.4, §3.2.6"
    FOLLOWED = "d", "followed searches and sorts are what asking again finds", "RFC 5267 §4.3"
    PARTIAL = "d", "PARTIAL is that part of the whole, COUNT, MIN and MAX are its", "RFC 9394 §3"
    SAVED = "d", "$ is what was saved, without what has gone", "RFC 9051 §6.4.4.1"
    SEARCH = "d", "a search finds what messages say, and their MODSEQ", "RFC 9051 §6.4.4, RFC 7162 §3.1.5"
    WATCHED = "e", "NOTIFY tells of all mailboxes what there is to know", "RFC 5465 §5"
    STATUS = "f", "STATUS says what the messages say, and nothing goes back", "RFC 9051 §6.3.11, §2.3.1"
    REFUSED = "g", "what got NO or BAD changed nothing", "RFC 9051 §6.4.7, RFC 3502, RFC 8508 §3"
    UIDPLUS = "g", "APPENDUID and COPYUID name the messages that came", "RFC 9051 §7.1"
    MODIFIED = "g", "UNCHANGEDSINCE refuses what changed, MODIFIED names that", "RFC 7162 §3.1.3"
    GRAMMAR = "h", "every response has the form that the grammar gives", "RFC 9051 §9"

    def __init__(self, letter, title, reference):
        self.letter = letter
        self.title = title
        self.reference = reference


class Ledger:
    """How often each check was made, and what did not hold."""

    def __init__(self):
        self.made = collections.Counter()
        self.violations = []

    def check(self, check, good, who, text):
        """Counts a check, and keeps the text if it does not hold; returns whether it does."""
        self.made[check] += 1
        if not good:
            self.violations.append((check, who, text))
        return bool(good)


class Facts:
    """What was once said and must stay so, by whichever connection it is said."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.states = {}
        self.tokens = {}
        self.email_ids = {}
        self.greatest = collections.Counter()
        self.mailbox_ids = {}

    def flags(self, mirror, uid, modseq, flags):
        """One MODSEQ of a message is one state of it, whoever is told."""
        first = self.states.setdefault((mirror.mailbox_id, uid, modseq), flags)
        what = f"UID {uid} with MODSEQ {modseq} has {sorted(flags)} and {sorted(first)}"
        mirror.check(Check.MODSEQ, first == flags, what)

    def token(self, who, mailbox_id, uid, token):
        """What message a UID names."""
        first = self.tokens.setdefault((mailbox_id, uid), token)
        self.ledger.check(Check.UIDPLUS, first == token, who, f"UID {uid} is {token}, and was {first}")

    def email_id(self, who, token, email_id):
        """Copies of a message have one EMAILID (RFC 8474 §5.1)."""
        first = self.email_ids.setdefault(token, email_id)
        what = f"{token} has the EMAILIDs {email_id} and {first}"
        self.ledger.check(Check.STATUS, first == email_id, who, what)

    def grows(self, who, mailbox, name, number):
        """Numbers of a mailbox that never go back."""
        before = self.greatest[mailbox.id, name]
        what = f"{name} of {mailbox.name} went from {before} back to {number}"
        self.ledger.check(Check.STATUS, number >= before, who, what)
        self.greatest[mailbox.id, name] = number

    def identity(self, who, account, mailbox):
        """A name with one UIDVALIDITY is one mailbox for ever."""
        first = self.mailbox_ids.setdefault((account, mailbox.name, mailbox.uidvalidity), mailbox.id)
        what = f"{mailbox.name} with UIDVALIDITY {mailbox.uidvalidity} was another mailbox"
        self.ledger.check(Check.STATUS, first == mailbox.id, who, what)


@dataclasses.dataclass
class Truth:
    """A message as a fresh connection sees it."""

    flags: frozenset
    modseq: int
    size: int


@dataclasses.dataclass
class Mailbox:
    """A mailbox as a fresh connection sees it."""

    name: str
    id: str
    uidvalidity: int
    uidnext: int
    highest: int
    messages: dict = dataclasses.field(default_factory=dict)

    def having(self, test):
        return sum(test(message) for message in self.messages.values())

    def status(self):
        """What STATUS must answer."""
        return {
            "MESSAGES": len(self.messages),
            "UIDNEXT": self.uidnext,
            "UIDVALIDITY": self.uidvalidity,
            "UNSEEN": self.having(lambda message: "\\seen" not in message.flags),
            "DELETED": self.having(lambda message: "\\deleted" in message.flags),
            "SIZE": sum(message.size for message in self.messages.values()),
            "HIGHESTMODSEQ": self.highest,
            "MAILBOXID": self.id,
        }


async def look(connection, account):
    """All mailboxes of an account by name, each agreeing with its STATUS and with what was said before."""
    facts, ledger, who = connection.mirror.facts, connection.mirror.ledger, connection.name
    await connection.run("ENABLE QRESYNC IMAP4rev2")
    listed = await connection.run(f'LIST "" "*" RETURN (STATUS ({STATUS_ITEMS}))')
    mailboxes = {}
    for name, status in listed.responses(MailboxStatus):
        mailbox = await read_mailbox(connection, name)
        mailboxes[name] = mailbox
        wanted = mailbox.status()
        ledger.check(Check.STATUS, status == wanted, who, f"STATUS of {name} {status}, and it has {wanted}")
        highest = max((message.modseq for message in mailbox.messages.values()), default=0)
        ledger.check(Check.STATUS, highest <= mailbox.highest, who, f"HIGHESTMODSEQ of {name} is too low")
        last = max(mailbox.messages, default=0)
        ledger.check(Check.STATUS, last < mailbox.uidnext, who, f"UIDNEXT of {name} is too low")
        facts.grows(who, mailbox, "UIDNEXT", mailbox.uidnext)
        facts.grows(who, mailbox, "HIGHESTMODSEQ", mailbox.highest)
        facts.identity(who, account, mailbox)
    return mailboxes


async def read_mailbox(connection, name):
    mirror = connection.mirror
    await connection.run(f"EXAMINE {quote(name)}", mailbox=name)
    mailbox = Mailbox(name, mirror.mailbox_id, mirror.uidvalidity, mirror.uidnext, mirror.highest)
    if len(mirror.box):
        fetched = await connection.run(f"UID FETCH 1:* ({TRUTH_ITEMS})")
        for response in fetched.responses(Fetch):
            items = response.items
            token = items[next(name for name in items if name.startswith("BODY["))].decode().strip()
            mailbox.messages[response.uid] = Truth(response.flags, items["MODSEQ"], items["RFC822.SIZE"])
            mirror.facts.token(connection.name, mailbox.id, response.uid, token)
            mirror.facts.email_id(connection.name, token, items["EMAILID"])
    what = f"EXISTS {len(mirror.box)}, but {len(mailbox.messages)} messages in {name}"
    mirror.check(Check.NUMBERS, len(mirror.box) == len(mailbox.messages), what)
    return mailbox


async def fingerprint(connection):
    """What the mailboxes of an account are and have; MODSEQs and UIDNEXT betray every change."""
    listed = await connection.run(f'LIST "" "*" RETURN (SUBSCRIBED STATUS ({STATUS_ITEMS}))')
    return sorted(map(repr, listed.responses(Listed) + listed.responses(MailboxStatus)))


# ---- (a) the mirror


def difference(mirror, mailbox):
    """Where a mirror is not the mailbox, or nothing."""
    uids = sorted(mailbox.messages)
    if len(mirror.box) != len(uids):
        return f"{len(mirror.box)} messages, there are {len(uids)}: {mirror.known_uids()} of {uids}"
    if not mirror.uid_only:
        for number, (message, uid) in enumerate(zip(mirror.box.messages, uids), 1):
            if message.uid not in (None, uid):
                return f"message {number} is {message.uid}, and in truth {uid}"
    for message in mirror.box.known():
        truth = mailbox.messages.get(message.uid)
        if truth is None:
            return f"UID {message.uid} has gone, which was not told"
        if message.modseq > truth.modseq:
            return f"MODSEQ of {message.uid} is {message.modseq}, and in truth {truth.modseq}"
        if message.flags is None or not mirror.hears_flags:
            continue
        if message.flags != truth.flags:
            return f"UID {message.uid} has {sorted(message.flags)}, and in truth {sorted(truth.flags)}"
        if mirror.condstore and message.current and message.modseq != truth.modseq:
            return f"MODSEQ of {message.uid} is {message.modseq}, and in truth {truth.modseq}"
    return None


async def compare_mirror(connection, mailbox):
    """The mirror as it is where changes come unasked, then after NOOP, then with all UIDs and flags known."""
    mirror = connection.mirror
    unasked = connection.idling and mirror.notify != set() or mirror.immediate
    if unasked:
        await connection.until(lambda: difference(mirror, mailbox) is None)
        if connection.alive:
            wrong = difference(mirror, mailbox)
            mirror.check(Check.UNASKED, wrong is None, f"{wrong} (NOTIFY {mirror.notify})")
    if connection.idling:
        await connection.end_idle()
    for step in ("NOOP", "FETCH"):
        if step == "NOOP":
            await connection.run("NOOP")
        else:
            await fill(connection)
        if not connection.alive:
            return
        wrong = difference(mirror, mailbox)
        mirror.check(Check.MIRROR, wrong is None, f"after {step}: {wrong} (NOTIFY {mirror.notify})")
    mirror.check(Check.MIRROR, mirror.unknown() == 0, f"{mirror.unknown()} messages unknown after FETCH")
    if mirror.qresync:
        what = f"HIGHESTMODSEQ {mirror.highest}, and in truth {mailbox.highest}"
        mirror.check(Check.MODSEQ, mirror.highest <= mailbox.highest, what)


async def fill(connection):
    """Asks for the UIDs and flags that the mirror does not have."""
    mirror = connection.mirror
    if mirror.unknown():
        modseq = " MODSEQ" if mirror.condstore else ""
        await connection.run(f"UID FETCH 1:* (UID FLAGS{modseq})")


# ---- (c) earlier states


@dataclasses.dataclass
class Snapshot:
    """What a client with a cache has kept of a mailbox when it went away."""

    who: str
    mailbox_id: str
    uidvalidity: int
    highest: int
    flags: dict
    qresync: bool

    @classmethod
    def of(cls, connection):
        """The state of this mirror, or nothing while it has gaps."""
        mirror = connection.mirror
        messages = mirror.box.known()
        if not mirror.selected or not mirror.condstore or not mirror.hears_flags or mirror.unknown():
            return None
        if any(message.flags is None for message in messages) or not mirror.highest:
            return None
        flags = {message.uid: message.flags for message in messages}
        place = mirror.mailbox_id, mirror.uidvalidity, mirror.highest
        return cls(connection.name, *place, flags, mirror.qresync)

    def after(self, command):
        """The flags once the responses to a command are applied."""
        flags = dict(self.flags)
        for response in command.untagged:
            if isinstance(response, Vanished):
                for uid in response.uids:
                    flags.pop(uid, None)
            elif isinstance(response, Fetch):
                flags[response.uid] = response.flags
        return flags


async def resynchronise(connection, snapshot, mailbox, chance):
    """A client comes back with what it knew, and must know all afterwards."""
    truth = {uid: message.flags for uid, message in mailbox.messages.items()}
    since = f"CHANGEDSINCE {snapshot.highest}"
    select = f"EXAMINE {quote(mailbox.name)}"
    if snapshot.qresync:
        known, within = sorted(snapshot.flags), None
        values = f"{snapshot.uidvalidity} {snapshot.highest}"
        if known and chance.random() < 0.6:
            within = range(1, known[-1] + 1)
            values += f" 1:{known[-1]}"
            if chance.random() < 0.6:
                some = sorted(chance.sample(range(len(known)), min(3, len(known))))
                numbers = ",".join(str(place + 1) for place in some)
                values += f" ({numbers} {','.join(str(known[place]) for place in some)})"
        command = await connection.run(f"{select} (QRESYNC ({values}))", mailbox=mailbox.name)
        wanted = {uid: flags for uid, flags in truth.items() if within is None or uid in within}
        report(connection, Check.RESYNC, command, snapshot, wanted)
        since += " VANISHED"
    else:
        await connection.run(select, mailbox=mailbox.name)
    command = await connection.run(f"UID FETCH 1:* (UID FLAGS) ({since})")
    report(connection, Check.CHANGED, command, snapshot, truth)


def report(connection, check, command, snapshot, wanted):
    got = snapshot.after(command)
    if not snapshot.qresync:
        # Without VANISHED a client learns otherwise what has gone.
        got = {uid: flags for uid, flags in got.items() if uid in wanted}
    wrong = sorted(uid for uid in {*got, *wanted} if got.get(uid) != wanted.get(uid))
    shown = [(uid, got.get(uid), wanted.get(uid)) for uid in wrong]
    what = f"{command} from the state of {snapshot.who}: UID, flags, flags in truth: {shown}"
    connection.mirror.check(check, not wrong, what)


# ---- (d) searches

# Keys of which the truth can be told from flags.
BY_FLAGS = {
    "UNSEEN": lambda flags: "\\seen" not in flags,
    "FLAGGED": lambda flags: "\\flagged" in flags,
    "KEYWORD k1": lambda flags: "k1" in flags,
    "UNDELETED": lambda flags: "\\deleted" not in flags,
    "OR ANSWERED NOT KEYWORD k2": lambda flags: "\\answered" in flags or "k2" not in flags,
}


async def compare_searches(connection, mailbox, chance):
    """Nothing changes meanwhile: what is followed, saved and found must be what is there."""
    mirror = connection.mirror
    for tag, followed in list(mirror.followed.items()):
        uid = "UID " if followed.by_uid else ""
        how = f"SORT RETURN (ALL) ({followed.order}) UTF-8" if followed.order else "SEARCH RETURN (ALL)"
        again = await connection.run(f"{uid}{how} {followed.criteria}")
        if again.ok and tag in mirror.followed:
            fresh = again.results().get("ALL", [])
            what = f"{tag} ({followed.criteria} by {followed.order}) is {followed.members}, fresh {fresh}"
            mirror.check(Check.FOLLOWED, followed.members == fresh, what)
    if mirror.saved is not None:
        command = await connection.run("UID SEARCH RETURN (ALL) UID $")
        if command.ok:
            got, wanted = set(command.results().get("ALL", [])), mirror.saved & set(mailbox.messages)
            mirror.check(Check.SAVED, got == wanted, f"$ is {sorted(got)}, saved were {sorted(wanted)}")
    key = chance.choice(list(BY_FLAGS))
    found = {uid: truth for uid, truth in mailbox.messages.items() if BY_FLAGS[key](truth.flags)}
    criteria, wanted = key, {"COUNT": len(found)}
    if mirror.condstore and mailbox.messages:
        least = chance.choice([truth.modseq for truth in mailbox.messages.values()])
        found = {uid: truth for uid, truth in found.items() if truth.modseq >= least}
        criteria, wanted = f"MODSEQ {least} {key}", {"COUNT": len(found)}
        if found:
            wanted["MODSEQ"] = max(truth.modseq for truth in found.values())
    if found:
        wanted |= {"ALL": sorted(found), "MIN": min(found), "MAX": max(found)}
    command = await connection.run(f"UID SEARCH RETURN (ALL COUNT MIN MAX) {criteria}")
    if command.ok:
        got = command.results()
        mirror.check(Check.SEARCH, got == wanted, f"{criteria}: {got}, and in truth {wanted}")


async def compare_partial(connection, criteria, low, high, backwards):
    """A part of what a search finds, and the same part of the mailbox by FETCH."""
    mirror = connection.mirror
    whole = await connection.run(f"UID SEARCH RETURN (ALL) {criteria}")
    span = f"-{low}:-{high}" if backwards else f"{low}:{high}"
    part = await connection.run(f"UID SEARCH RETURN (PARTIAL {span} COUNT MIN MAX) {criteria}")
    if not whole.ok or not part.ok:
        return
    found, got = whole.results().get("ALL", []), part.results()
    wanted = {"PARTIAL": cut(found, low, high, backwards), "COUNT": len(found)}
    if found:
        wanted |= {"MIN": found[0], "MAX": found[-1]}
    got = {**got, "PARTIAL": sorted(got.get("PARTIAL", []))}
    mirror.check(Check.PARTIAL, got == wanted, f"{span} of {criteria}: {got}, but all are {found}")
    fetched = await connection.run(f"UID FETCH 1:* (UID FLAGS) (PARTIAL {span})")
    if fetched.ok and not mirror.unknown():
        got = {response.uid for response in fetched.responses(Fetch)}
        wanted = set(cut(mirror.known_uids(), low, high, backwards))
        mirror.check(
            Check.PARTIAL, got == wanted, f"UID FETCH of {span}: {sorted(got)}, not {sorted(wanted)}"
        )


def cut(found, low, high, backwards):
    """The results from the `low`th to the `high`th, counted from either end."""
    low, high = sorted((low, high))
    if backwards:
        return found[max(0, len(found) - high) : max(0, len(found) - low + 1)]
    return found[low - 1 : high]


# ---- (e) NOTIFY for all mailboxes


async def watch(connection, scope):
    """From here on this connection is told of each mailbox."""
    connection.mirror.forget()
    await connection.run('LIST "" "*"')
    await connection.run(f"NOTIFY SET STATUS {scope}", events=set())


async def compare_watch(connection, scope, mailboxes):
    """All names, and of each the numbers told last; after an overflow NOTIFY is over, and begins anew."""
    mirror = connection.mirror
    await connection.until(lambda: mirror.overflown or not unlike(mirror, mailboxes))
    if not mirror.overflown:
        wrong = unlike(mirror, mailboxes)
        mirror.check(Check.WATCHED, not wrong, f"under NOTIFY SET {scope}: {wrong}")
    elif connection.alive:
        await watch(connection, scope)


def unlike(watch, mailboxes):
    """Where what was told is not so."""
    if watch.names != mailboxes.keys():
        absent, untold = watch.names - mailboxes.keys(), mailboxes.keys() - watch.names
        return f"{sorted(absent)} are not there, of {sorted(untold)} nothing was told"
    for name, told in watch.told.items():
        if name not in mailboxes:
            return f"STATUS of {name}, which is not there"
        status = mailboxes[name].status()
        # It counts changes of what nobody is told of, too, and comes to those alone who use CONDSTORE.
        least = max((message.modseq for message in mailboxes[name].messages.values()), default=0)
        bounds = range(least, status.pop("HIGHESTMODSEQ") + 1)
        if watch.condstore and told.get("HIGHESTMODSEQ", least) not in bounds:
            return f"HIGHESTMODSEQ of {name} told as {told}, and in truth {bounds}"
        wrong = {item: status[item] for item in told if item in status and told[item] != status[item]}
        if wrong:
            return f"STATUS of {name} told as {told}, and in truth {wrong}"
    return None


# ---- (g) what STORE says


async def store_if_unchanged(connection, command, uids, limit):
    """UNCHANGEDSINCE with nobody else about: what changed since is refused, the rest is done."""
    mirror = connection.mirror
    before = {uid: (mirror.box.get(uid).modseq, mirror.box.get(uid).flags) for uid in uids}
    await connection.run(command)
    if not command.ok:
        return
    numbers = command.about["numbers"]
    refused = {uid for uid in uids if before[uid][0] > limit}
    got, wanted = set(command.find_code("MODIFIED") or []), {numbers[uid] for uid in refused}
    mirror.check(Check.MODIFIED, got == wanted, f"{command}: MODIFIED {got}, not {wanted}, of {before}")
    fetched = await connection.run(f"UID FETCH {','.join(map(str, uids))} (UID FLAGS MODSEQ)")
    for response in fetched.responses(Fetch):
        if response.uid not in before:
            continue
        modseq, flags = before[response.uid]
        asked = command.about["change"](flags)
        wanted = flags if response.uid in refused else asked
        right = response.flags == wanted
        grown = response.items["MODSEQ"] > modseq
        right &= grown if wanted != flags else not (grown and response.uid in refused)
        what = f"{command}: {response.uid} was {before[response.uid]}, is {response.items}"
        mirror.check(Check.MODIFIED, right, what)
