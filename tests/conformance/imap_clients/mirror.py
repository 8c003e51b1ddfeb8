"""What a client believes of its mailbox, from untagged responses alone (RFC 9051 §7.4, §7.5).

A mirror never asks. It takes each response as a client must take it, and objects where a response
contradicts what the server said before or comes where none may come.
"""

from checks import Check
from client import (
    Condition,
    Enabled,
    Esearch,
    Exists,
    Expunge,
    Fetch,
    Listed,
    MailboxStatus,
    Recent,
    Vanished,
)

SELECTS = {"SELECT", "EXAMINE"}
FETCHES = {"FETCH", "UID FETCH"}
STORES = {"STORE", "UID STORE"}
# During these a client counts on its message numbers; SORT and THREAD are searches (RFC 5256 §3).
NO_EXPUNGE = {"FETCH", "STORE", "SEARCH", "SORT", "THREAD"}


class Message:
    """What is known of a message; `current` says that the flags came together with the MODSEQ."""

    def __init__(self, uid=None):
        self.uid = uid
        self.flags = None
        self.modseq = 0
        self.current = False


class Numbered:
    """Messages in their order, as EXISTS, EXPUNGE and FETCH have them; UIDs come by and by."""

    def __init__(self):
        self.messages = []

    def __len__(self):
        return len(self.messages)

    def grow(self, count):
        self.messages += [Message() for _ in range(count - len(self))]

    def known(self):
        return [message for message in self.messages if message.uid]

    def get(self, uid):
        return next((message for message in self.messages if message.uid == uid), None)

    def number(self, uid):
        return next(n for n, message in enumerate(self.messages, 1) if message.uid == uid)

    def fits(self, number, uid):
        """Whether the message of this number may have this UID, as UIDs ascend."""
        if self.messages[number - 1].uid is not None:
            return self.messages[number - 1].uid == uid
        before = [message.uid for message in self.messages[: number - 1] if message.uid]
        after = [message.uid for message in self.messages[number:] if message.uid]
        return (not before or before[-1] < uid) and (not after or uid < after[0])

    def locate(self, uid):
        """The number that a UID has, and whether that is certain among those whose UIDs are unknown."""
        candidates = []
        for number, message in enumerate(self.messages, 1):
            if message.uid == uid:
                return number, True
            if message.uid is None:
                candidates.append(number)
            elif message.uid < uid:
                candidates.clear()
            else:
                break
        return (candidates[0], len(candidates) == 1) if candidates else (None, True)


class ByUid:
    """Messages under UIDONLY: how many there are, and those of which the UID was told."""

    def __init__(self):
        self.count = 0
        self.messages = {}

    def __len__(self):
        return self.count

    def grow(self, count):
        self.count = count

    def known(self):
        return [self.messages[uid] for uid in sorted(self.messages)]

    def get(self, uid):
        return self.messages.get(uid)

    def may_have(self, uid):
        return uid in self.messages or len(self.messages) < self.count

    def remove(self, uid):
        self.messages.pop(uid, None)
        self.count -= 1


class Followed:
    """A search that the server keeps up to date (RFC 5267 §4.3), by number or by UID."""

    def __init__(self, by_uid, order, criteria, members):
        self.by_uid = by_uid
        self.order = order
        self.criteria = criteria
        self.members = members

    def add(self, position, numbers):
        """What is wrong with this ADDTO, or nothing."""
        if again := set(numbers) & set(self.members):
            return f"{again} are results already"
        if position == 0 and self.order or position > len(self.members) + 1:
            return f"position {position} in {len(self.members)} results"
        if position == 0:
            self.members = sorted(self.members + numbers)
        else:
            self.members[position - 1 : position - 1] = numbers
        return None

    def remove(self, position, numbers):
        """What is wrong with this REMOVEFROM, or nothing."""
        if absent := set(numbers) - set(self.members):
            return f"{absent} are no results"
        if position == 0:
            self.members = [number for number in self.members if number not in numbers]
            return f"position 0 in results by {self.order}" if self.order else None
        end = position - 1 + len(numbers)
        if self.members[position - 1 : end] != numbers:
            return f"{self.members[position - 1 : end]} stand there"
        del self.members[position - 1 : end]
        return None

    def expunged(self, number):
        """Numbers above go down by one."""
        self.members = [member - (member > number) for member in self.members]


class Mirror:
    """The state of one connection as its client sees it."""

    def __init__(self, ledger, facts):
        self.ledger = ledger
        self.facts = facts

    def connected(self, connection):
        self.connection = connection
        self.enabled = set()
        # What of the selected mailbox NOTIFY was to tell: None before NOTIFY, else a set of words.
        self.notify = None
        self.selecting = None
        self.unselect()

    def unselect(self):
        self.selected = None
        self.box = ByUid() if self.uid_only else Numbered()
        self.mailbox_id = self.uidvalidity = self.uidnext = self.saved = None
        self.read_only = False
        self.followed = {}
        self.untracked = set()
        # HIGHESTMODSEQ as RFC 7162 §6 lets a client advance it: told, or the greatest MODSEQ seen,
        # but only when a command has ended.
        self.highest = 0
        self.seen_modseq = 0
        self.told_highest = None

    @property
    def uid_only(self):
        return "UIDONLY" in self.enabled

    @property
    def qresync(self):
        return "QRESYNC" in self.enabled

    @property
    def condstore(self):
        return bool(self.enabled & {"CONDSTORE", "QRESYNC"})

    @property
    def immediate(self):
        """Whether changes come at any time, so that message numbers are nothing to go by."""
        return self.notify is not None and "SELECTED" in self.notify

    @property
    def hears_flags(self):
        return self.notify is None or not self.notify or "FlagChange" in self.notify

    def known_uids(self):
        return [message.uid for message in self.box.known()]

    def unknown(self):
        """How many messages there are of which nothing but that is known."""
        return len(self.box) - len(self.box.known())

    def check(self, check, good, text):
        return self.ledger.check(check, good, self.connection.name, text)

    def grammar(self, good, text):
        return self.check(Check.GRAMMAR, good, text)

    # untagged responses

    def receive(self, response, command):
        if command and command.kind in SELECTS and not self.selecting:
            self.selecting = command.about["mailbox"]
        match response:
            case Condition(status, code, text):
                self.grammar(status != "BAD", f"untagged BAD {text}")
                if code:
                    self.code(code)
            case Enabled(names):
                self.enabled.update(names)
                if "UIDONLY" in names:
                    self.box = ByUid()
            case Exists(number):
                self.exists(number)
            case Expunge(number):
                self.expunge(number, command)
            case Vanished(True, uids):
                self.vanished_earlier(uids, command)
            case Vanished(False, uids):
                self.vanished(uids, command)
            case Fetch():
                self.fetch(response, command)
            case Esearch():
                self.esearch(response, command)
            case Recent():
                self.grammar("IMAP4REV2" not in self.enabled, "RECENT under IMAP4rev2")

    def code(self, code):
        match code.name:
            case "CLOSED":
                self.check(Check.NUMBERS, self.selected is not None, "CLOSED, and nothing was selected")
                self.unselect()
            case "HIGHESTMODSEQ":
                self.told_highest = code.argument
            case "UIDVALIDITY" if self.selecting:
                self.uidvalidity = code.argument
            case "MAILBOXID" if self.selecting:
                self.mailbox_id = code.argument
            case "UIDNEXT" if self.selecting:
                self.uidnext = code.argument
            case "UNSEEN":
                self.check(Check.UIDONLY, not self.uid_only, f"UNSEEN {code.argument}")
            case "NOTIFICATIONOVERFLOW":
                self.notified(None)

    def exists(self, number):
        if self.check(Check.NUMBERS, self.selected or self.selecting, "EXISTS without a mailbox"):
            if self.check(Check.NUMBERS, number >= len(self.box), f"EXISTS {number} of {len(self.box)}"):
                self.box.grow(number)

    def may_expunge(self, what, command):
        allowed = self.immediate or command is not None and command.kind not in NO_EXPUNGE
        self.check(Check.EXPUNGE, allowed, f"{what} {f'during {command}' if command else 'unasked'}")

    def expunge(self, number, command):
        if not self.check(Check.UIDONLY, not self.uid_only, f"EXPUNGE {number}"):
            return
        self.check(Check.EXPUNGE, not self.qresync, f"EXPUNGE {number} under QRESYNC")
        self.may_expunge(f"EXPUNGE {number}", command)
        if self.check(Check.NUMBERS, 1 <= number <= len(self.box), f"EXPUNGE {number} of {len(self.box)}"):
            self.remove(number, self.box.messages[number - 1].uid)

    def vanished_earlier(self, uids, command):
        asked = command is not None and command.kind in {*SELECTS, "UID FETCH"}
        self.check(Check.EXPUNGE, asked, f"VANISHED (EARLIER) {uids} unasked")
        both = set(uids) & set(self.known_uids())
        self.check(Check.NUMBERS, not both, f"VANISHED (EARLIER) of {both}, which are there")

    def vanished(self, uids, command):
        able = self.qresync or self.uid_only
        self.check(Check.EXPUNGE, able, f"VANISHED {uids} without QRESYNC and UIDONLY")
        self.may_expunge(f"VANISHED {uids}", command)
        for uid in uids:
            if self.uid_only:
                if self.check(Check.NUMBERS, self.box.may_have(uid), f"VANISHED {uid}, which is not there"):
                    self.box.remove(uid)
                    self.still_followed(uid, by_uid=True)
                continue
            number, certain = self.box.locate(uid)
            if self.check(Check.NUMBERS, number, f"VANISHED {uid}, which is not there"):
                if not certain:
                    self.stop_following_numbers()
                self.remove(number, uid)

    def remove(self, number, uid):
        del self.box.messages[number - 1]
        self.still_followed(number, by_uid=False)
        self.still_followed(uid, by_uid=True)
        for followed in self.followed.values():
            if not followed.by_uid:
                followed.expunged(number)

    def still_followed(self, member, by_uid):
        """REMOVEFROM comes before a message goes, or a client could not tell which it was."""
        for tag, followed in self.followed.items():
            if followed.by_uid == by_uid:
                gone = member not in followed.members
                self.check(Check.FOLLOWED, gone, f"{member} went before REMOVEFROM of {tag}")

    def stop_following_numbers(self):
        """It cannot be known which of several messages went; what they number is lost to the client."""
        for tag in [tag for tag, followed in self.followed.items() if not followed.by_uid]:
            self.stop_following(tag)

    def stop_following(self, tag):
        """There may or may not be news of it from here on."""
        del self.followed[tag]
        self.untracked.add(tag)

    def fetch(self, response, command):
        number, uid = response.number, response.uid
        name = "UIDFETCH" if response.by_uid else "FETCH"
        if not self.check(Check.UIDONLY, response.by_uid == self.uid_only, f"{name} {number}"):
            return
        if self.uid_only:
            if not self.check(Check.NUMBERS, self.box.may_have(uid), f"UIDFETCH {uid}, which is not there"):
                return
            message = self.box.messages.setdefault(uid, Message(uid))
        else:
            there = 1 <= number <= len(self.box) and (uid is None or self.box.fits(number, uid))
            uids = self.known_uids()
            if not self.check(Check.NUMBERS, there, f"FETCH {number} UID {uid} of {len(self.box)}: {uids}"):
                return
            message = self.box.messages[number - 1]
            message.uid = uid or message.uid
        asked = command is not None and command.kind in FETCHES
        if self.qresync and not asked:
            self.check(Check.MODSEQ, uid, f"FETCH {number} without UID under QRESYNC")
        self.learn(message, response, command)

    def learn(self, message, response, command):
        flags, modseq, before = response.flags, response.items.get("MODSEQ"), message.modseq
        told = command.about.setdefault("told", set()) if command else set()
        if modseq:
            what = f"MODSEQ of {message.uid} goes from {before} back to {modseq}"
            self.check(Check.MODSEQ, modseq >= before, what)
            message.modseq = modseq
            self.seen_modseq = max(self.seen_modseq, modseq)
            if flags is None and command and command.kind in STORES and modseq > before:
                told.discard(message.uid)
        elif flags is not None and self.condstore:
            asked = command is not None and command.kind in FETCHES | SELECTS
            self.check(Check.MODSEQ, asked, f"flags of {message.uid} without MODSEQ")
        if flags is not None:
            message.flags, message.current = flags, modseq is not None
            told.add(message.uid)
            rev1 = "IMAP4REV2" not in self.enabled
            self.grammar(rev1 or "\\recent" not in response.items["FLAGS"], "\\Recent under IMAP4rev2")
            if modseq and message.uid and self.mailbox_id:
                self.facts.flags(self, message.uid, modseq, flags)

    def esearch(self, response, command):
        changes = [
            (name, change)
            for name, value in response.items
            if name in ("ADDTO", "REMOVEFROM")
            for change in value
        ]
        if not changes:
            follow = command and command.about.get("follow")
            if follow and response.tag == command.tag and command.tag not in self.followed:
                self.followed[command.tag] = Followed(*follow, response.results.get("ALL", []))
            return
        if response.tag in self.untracked:
            return
        followed = self.followed.get(response.tag)
        if not self.check(Check.FOLLOWED, followed, f"news of {response.tag}, which is not followed"):
            return
        self.check(Check.FOLLOWED, response.by_uid == followed.by_uid, f"UID in news of {response.tag}")
        for name, (position, numbers) in changes:
            wrong = (followed.add if name == "ADDTO" else followed.remove)(position, numbers)
            what = f"{name} {position} {numbers} of {response.tag}: {wrong}"
            self.check(Check.FOLLOWED, wrong is None, what)

    # answers

    def complete(self, command):
        if command.code:
            self.code(command.code)
        expected = command.status != "BAD" or command.may_be_bad
        self.grammar(expected, f"BAD for {command}, which is well formed: {command.answer}")
        if command.ok:
            self.enabled |= command.about.get("enables", set())
        if command.kind in SELECTS:
            self.opened(command)
        elif command.kind in ("CLOSE", "UNSELECT") and command.ok:
            self.unselect()
        elif command.kind == "NOTIFY" and command.ok:
            self.notified(command.about["events"])
        elif command.kind in STORES and command.ok and command.about.get("silent"):
            self.stored_silently(command)
        if "follow" in command.about:
            self.follows(command)
        if command.about.get("save"):
            self.save(command)
        self.advance()

    def opened(self, command):
        self.selecting = None
        if command.ok:
            self.selected = command.about["mailbox"]
            self.read_only = command.code is not None and command.code.name == "READ-ONLY"
            self.check(Check.NUMBERS, self.uidvalidity, f"{command} without UIDVALIDITY")
        else:
            self.unselect()

    def notified(self, events):
        """From here on flags are told that were not: those known may be old ones."""
        stale = not self.hears_flags
        self.notify = events
        if stale and self.hears_flags:
            for message in self.box.known():
                message.flags = None

    def advance(self):
        if self.selected and self.condstore:
            if self.told_highest is not None:
                self.highest = self.told_highest
            else:
                self.highest = max(self.highest, self.seen_modseq)
        self.told_highest, self.seen_modseq = None, 0

    def follows(self, command):
        refused = any(c.code and c.code.name == "NOUPDATE" for c in command.responses(Condition))
        if not command.ok or refused:
            self.followed.pop(command.tag, None)
        elif command.tag not in self.untracked:
            self.check(Check.FOLLOWED, command.tag in self.followed, f"no ESEARCH for {command}")

    def save(self, command):
        """Which of the results `$` stands for from here on (RFC 9051 §6.4.4.1)."""
        results = command.results() if command.ok else None
        if results is None:
            self.saved = None
        elif "ALL" in results:
            self.saved = set(results["ALL"])
        else:
            self.saved = {results[end] for end in ("MIN", "MAX") if end in results}

    def stored_silently(self, command):
        """After .SILENT a client does by itself what it has asked for, except to what others changed."""
        refused = command.find_code("MODIFIED") or []
        for uid, number in command.about["numbers"].items():
            message = self.box.get(uid)
            if message is None or message.flags is None:
                continue
            if uid in command.about.get("told", ()):
                if self.notify and not self.condstore:
                    message.flags = None
            elif number not in refused:
                message.flags = command.about["change"](message.flags)


class Watch(Mirror):
    """The state of a connection that has nothing selected and is told of all mailboxes by NOTIFY."""

    def connected(self, connection):
        super().connected(connection)
        self.forget()

    def forget(self):
        self.names = set()
        self.told = {}
        self.overflown = False

    def receive(self, response, command):
        super().receive(response, command)
        match response:
            case Listed(name, attributes, old_name):
                if old_name:
                    self.renamed(old_name, name)
                if {"\\nonexistent", "\\noselect"} & set(attributes):
                    self.names.discard(name)
                    self.told.pop(name, None)
                else:
                    self.names.add(name)
            case MailboxStatus(name, items):
                # Each event has items of its own: of those told before, others may be old by now.
                self.told[name] = items

    def renamed(self, old, new):
        """A mailbox takes with it what is below."""

        def now(name):
            return new + name[len(old) :] if name == old or name.startswith(old + "/") else name

        self.names = set(map(now, self.names))
        self.told = {now(name): items for name, items in self.told.items()}

    def notified(self, events):
        super().notified(events)
        self.overflown = events is None
