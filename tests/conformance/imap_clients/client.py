"""A connection to an IMAP server: commands go out, responses come in, each held to the grammar.

The parser takes nothing that RFC 9051 §9 and the extensions in use do not produce: a client that is
lenient here hides what another one trips over. What a response means is the mirror's business.
"""

import asyncio
import collections
import itertools
import re
import typing
import zlib

# LIMIT: no healthy server is silent for so long, not even one that was stopped for minutes.
PATIENCE = 600
TRANSCRIPT_LINES = 4000
SHOWN_CHARACTERS = 900


class Malformed(Exception):
    """A response that the grammar does not have."""


class Code(typing.NamedTuple):
    """A response code; the argument is text where nobody here asks for more."""

    name: str
    argument: object


class Tagged(typing.NamedTuple):
    tag: str
    status: str
    code: Code | None
    text: str


class Condition(typing.NamedTuple):
    """An untagged OK, NO, BAD, BYE or PREAUTH."""

    status: str
    code: Code | None
    text: str


class Continuation(typing.NamedTuple):
    text: str


class Enabled(typing.NamedTuple):
    names: list


class Exists(typing.NamedTuple):
    number: int


class Recent(typing.NamedTuple):
    number: int


class Expunge(typing.NamedTuple):
    number: int


class Vanished(typing.NamedTuple):
    earlier: bool
    uids: list


class Fetch(typing.NamedTuple):
    """FETCH by message number, or UIDFETCH by UID (RFC 9586 §3.3)."""

    number: int
    by_uid: bool
    items: dict

    @property
    def uid(self):
        return self.number if self.by_uid else self.items.get("UID")

    @property
    def flags(self):
        """Without \\Recent, which says something of the session and not of the message."""
        return self.items["FLAGS"] - {"\\recent"} if "FLAGS" in self.items else None


class Esearch(typing.NamedTuple):
    """`items` are pairs, for ADDTO and REMOVEFROM may come several times in one response."""

    tag: str | None
    by_uid: bool
    items: list

    @property
    def results(self):
        return dict(self.items)


class MailboxStatus(typing.NamedTuple):
    mailbox: str
    items: dict


class Listed(typing.NamedTuple):
    mailbox: str
    attributes: list
    old_name: str | None


class Found(typing.NamedTuple):
    """SEARCH or SORT as RFC 3501 has them."""

    numbers: list
    modseq: int | None


class Other(typing.NamedTuple):
    """What is none of the mirror's business."""

    name: str


# ---- sets of numbers


def expand(numbers):
    """The numbers of a sequence set, in its order, which matters in sorted results."""
    found = []
    for part in numbers.split(","):
        first, _, last = part.partition(":")
        first, last = int(first), int(last or first)
        step = 1 if first <= last else -1
        found += range(first, last + step, step)
    return found


def compact(numbers):
    """The sequence set of numbers, in their order."""
    parts = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in parts)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---- the grammar

NUMBER = re.compile(rb"0|[1-9][0-9]*")
ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
FLAG = re.compile(rb'\\\*|\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")
SET = re.compile(rb"[1-9][0-9]*(?::[1-9][0-9]*)?(?:,[1-9][0-9]*(?::[1-9][0-9]*)?)*")
RANGE = re.compile(rb"[1-9][0-9]*:[1-9][0-9]*|-[1-9][0-9]*:-[1-9][0-9]*")
ITEM = re.compile(rb"[A-Z0-9.]+(?:\[[^\]]*\](?:<\d+>)?)?")
TEXT = re.compile(rb"[^\r\n\x00]*")

STATUS_NUMBERS = {"MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ"}
NUMBER_CODES = {"HIGHESTMODSEQ", "UIDNEXT", "UIDVALIDITY", "UNSEEN"}


class Cursor:
    """A place in a response; each method takes what the grammar has there, or raises Malformed."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def fail(self, wanted):
        raise Malformed(f"no {wanted} at {self.at} of {self.data[:SHOWN_CHARACTERS]!r}")

    def sees(self, text):
        return self.data.startswith(text, self.at)

    def ended(self):
        return self.at == len(self.data)

    def end(self):
        if not self.ended():
            self.fail("end")

    def skip(self, text):
        """Whether this text came next; it is passed then."""
        seen = self.sees(text)
        self.at += len(text) * seen
        return seen

    def want(self, text):
        if not self.skip(text):
            self.fail(repr(text))

    def take(self, pattern, what):
        match = pattern.match(self.data, self.at)
        if not match:
            self.fail(what)
        self.at = match.end()
        return match

    def word(self, pattern, what):
        return self.take(pattern, what)[0].decode()

    def number(self):
        return int(self.word(NUMBER, "number"))

    def atom(self):
        return self.word(ATOM, "atom")

    def flag(self):
        return self.word(FLAG, "flag").lower()

    def set(self):
        return self.word(SET, "set")

    def string(self):
        if self.sees(b'"'):
            return re.sub(rb"\\(.)", rb"\1", self.take(QUOTED, "quoted string")[1])
        size = int(self.take(LITERAL, "string")[1])
        if self.at + size > len(self.data):
            self.fail("whole literal")
        self.at += size
        return self.data[self.at - size : self.at]

    def astring(self):
        if self.sees(b'"') or self.sees(b"{"):
            return self.string().decode()
        return self.word(ASTRING, "astring")

    def nstring(self):
        return None if self.skip(b"NIL") else self.string()

    def list(self, item, empty=True):
        """`item`s with one space between, in parentheses."""
        self.want(b"(")
        if empty and self.skip(b")"):
            return []
        found = [item()]
        while not self.skip(b")"):
            self.want(b" ")
            found.append(item())
        return found

    def value(self):
        """Anything: envelopes and body structures put lists of bodies side by side without spaces."""
        if self.sees(b"(") and not self.skip(b"()"):
            self.at += 1
            found = [self.value()]
            while not self.skip(b")"):
                if not (self.sees(b"(") and isinstance(found[-1], list)):
                    self.want(b" ")
                found.append(self.value())
            return found
        if self.sees(b'"') or self.sees(b"{") or self.sees(b"~"):
            return self.string()
        return self.flag() if self.sees(b"\\") else self.word(ASTRING, "value")

    # responses

    def code(self):
        """A response code after its bracket."""
        name, argument = self.atom().upper(), None
        if self.skip(b" "):
            argument = self.code_argument(name)
        self.want(b"]")
        return Code(name, argument)

    def code_argument(self, name):
        if name in NUMBER_CODES:
            return self.number()
        if name == "MODIFIED":
            return expand(self.set())
        if name == "PERMANENTFLAGS":
            return self.list(self.flag)
        if name == "MAILBOXID":
            return self.list(self.atom, empty=False)[0]
        if name in ("APPENDUID", "COPYUID"):
            found = [self.number()]
            for _ in range(1 if name == "APPENDUID" else 2):
                self.want(b" ")
                found.append(expand(self.set()))
            return found
        end = self.data.find(b"]", self.at)
        if end < 0:
            self.fail("end of the code")
        text, self.at = self.data[self.at : end].decode(), end
        return text

    def condition(self):
        """The code and the text after a status."""
        self.want(b" ")
        code = None
        if self.skip(b"["):
            code = self.code()
            self.want(b" ")
        text = self.word(TEXT, "text")
        self.end()
        return code, text

    def fetch(self):
        items = {}

        def item():
            name = self.word(ITEM, "data item")
            self.want(b" ")
            if name in items:
                self.fail(f"second {name}")
            items[name] = self.fetch_value(name)

        self.list(item, empty=False)
        self.end()
        return items

    def fetch_value(self, name):
        if name in ("UID", "RFC822.SIZE"):
            return self.number()
        if name == "FLAGS":
            flags = self.list(self.flag)
            if len(set(flags)) != len(flags):
                self.fail("list without a flag that is there twice")
            return frozenset(flags)
        if name == "MODSEQ":
            return self.list(self.number, empty=False)[0]
        if name == "EMAILID":
            return self.list(self.atom, empty=False)[0]
        if name == "INTERNALDATE":
            return self.string().decode()
        if name.startswith(("BODY[", "BINARY[", "RFC822")):
            return self.nstring()
        if name in ("THREADID", "ENVELOPE", "BODYSTRUCTURE", "BODY"):
            return self.value()
        return self.fail(f"known data item, {name} is none")

    def esearch(self):
        tag, items = None, []
        if self.skip(b" (TAG "):
            tag = self.string().decode()
            self.want(b")")
        by_uid = self.skip(b" UID")
        while not self.ended():
            self.want(b" ")
            name = self.atom()
            self.want(b" ")
            items.append((name, self.search_value(name)))
        return Esearch(tag, by_uid, items)

    def search_value(self, name):
        if name in ("MIN", "MAX", "COUNT", "MODSEQ"):
            return self.number()
        if name == "ALL":
            return expand(self.set())
        if name == "PARTIAL":
            self.want(b"(")
            self.word(RANGE, "range")
            self.want(b" ")
            found = [] if self.skip(b"NIL") else expand(self.set())
            self.want(b")")
            return found
        if name in ("ADDTO", "REMOVEFROM"):
            return self.list(self.change, empty=False)
        return self.fail(f"known result, {name} is none")

    def change(self):
        position = self.number()
        self.want(b" ")
        return position, expand(self.set())

    def mailbox_status(self):
        mailbox, items = self.astring(), {}
        self.want(b" ")

        def item():
            name = self.atom()
            self.want(b" ")
            if name in items:
                self.fail(f"second {name}")
            if name == "MAILBOXID":
                items[name] = self.list(self.atom, empty=False)[0]
            elif name in STATUS_NUMBERS:
                items[name] = self.number()
            else:
                self.fail(f"known STATUS item, {name} is none")

        self.list(item)
        self.end()
        return MailboxStatus(mailbox, items)

    def listed(self):
        attributes = self.list(self.flag)
        self.want(b" ")
        self.nstring()
        self.want(b" ")
        mailbox, extended = self.astring(), []
        if self.skip(b" "):
            extended = self.list(self.extended_item, empty=False)
        self.end()
        return Listed(mailbox, attributes, dict(extended).get("OLDNAME"))

    def extended_item(self):
        name = self.astring().upper()
        self.want(b" ")
        return name, self.list(self.astring)[0] if name == "OLDNAME" else self.value()

    def found(self):
        numbers, modseq = [], None
        while self.skip(b" "):
            if self.skip(b"(MODSEQ "):
                modseq = self.number()
                self.want(b")")
                break
            numbers.append(self.number())
        self.end()
        return Found(numbers, modseq)

    def untagged(self):
        if NUMBER.match(self.data, self.at):
            number = self.number()
            self.want(b" ")
            name = self.atom()
            if name in ("FETCH", "UIDFETCH"):
                self.want(b" ")
                return Fetch(number, name == "UIDFETCH", self.fetch())
            self.end()
            kinds = {"EXISTS": Exists, "RECENT": Recent, "EXPUNGE": Expunge}
            return kinds[name](number) if name in kinds else self.fail("numbered response")
        name = self.atom()
        if name in ("OK", "NO", "BAD", "BYE", "PREAUTH"):
            return Condition(name, *self.condition())
        if name == "VANISHED":
            earlier = self.skip(b" (EARLIER)")
            self.want(b" ")
            uids = expand(self.set())
            self.end()
            return Vanished(earlier, uids)
        if name == "ENABLED":
            names = []
            while self.skip(b" "):
                names.append(self.atom().upper())
            self.end()
            return Enabled(names)
        if name == "ESEARCH":
            return self.esearch()
        if name in ("SEARCH", "SORT"):
            return self.found()
        if name in ("STATUS", "LIST"):
            self.want(b" ")
            return self.mailbox_status() if name == "STATUS" else self.listed()
        if name == "FLAGS":
            self.want(b" ")
            self.list(self.flag)
            self.end()
            return Other(name)
        return Other(name) if name in ("CAPABILITY", "ACL") else self.fail("known response")


def parse(data):
    """The response in these bytes, which are a line without its CRLF, literals included."""
    cursor = Cursor(data)
    if cursor.skip(b"+ "):
        return Continuation(cursor.word(TEXT, "text"))
    if cursor.skip(b"* "):
        return cursor.untagged()
    tag = cursor.atom()
    cursor.want(b" ")
    status = cursor.atom()
    if status not in ("OK", "NO", "BAD"):
        cursor.fail("status")
    return Tagged(tag, status, *cursor.condition())


# ---- the connection


class Command:
    """A command and what came of it: its untagged responses, its status, its code.

    `about` holds what the mirror must know of it and cannot read from its text. `may_be_bad` says that BAD is
    no surprise. A connection that ends before the answer leaves the status `GONE`.
    """

    def __init__(self, text, may_be_bad=False, **about):
        self.text = text if isinstance(text, bytes) else text.encode()
        words = self.text.split(None, 2)
        self.kind = b" ".join(words[: 2 if words[0] == b"UID" else 1]).decode()
        self.may_be_bad = may_be_bad
        self.about = about
        self.tag = self.status = self.code = self.answer = None
        self.untagged = []
        self.done = asyncio.Event()

    def __str__(self):
        return f"{self.text[:300].decode(errors='replace')!r}"

    @property
    def ok(self):
        return self.status == "OK"

    def responses(self, kind):
        return [response for response in self.untagged if isinstance(response, kind)]

    def results(self):
        """The results in the ESEARCH that answers this search."""
        mine = [response for response in self.responses(Esearch) if response.tag == self.tag]
        return mine[0].results if mine else {}

    def find_code(self, name):
        """Such a code of the answer, or of an untagged OK before it, where MOVE and REPLACE have theirs."""
        codes = [self.code, *(response.code for response in self.responses(Condition))]
        return next((code.argument for code in codes if code and code.name == name), None)


class Connection:
    """One client: commands may be sent ahead; the mirror is told of each response and each answer."""

    moment = itertools.count(1)

    def __init__(self, name, port, account, mirror):
        self.name = name
        self.port = port
        self.account = account
        self.mirror = mirror
        self.transcript = collections.deque(maxlen=TRANSCRIPT_LINES)
        self.serial = itertools.count(1)
        self.alive = False
        self.reading = self.writer = None

    def note(self, line):
        """Into the transcript, with a number that puts the lines of all connections in order."""
        self.transcript.append(f"{next(self.moment):07} {self.name} {line[:SHOWN_CHARACTERS]}")

    async def open(self):
        """Connects and signs in."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.buffer = b""
        self.deflate = self.inflate = self.bye = self.idling = None
        self.closing = False
        self.in_flight = collections.deque()
        self.continued = asyncio.Event()
        self.news = asyncio.Event()
        self.note("-- connected")
        self.mirror.connected(self)
        self.take(await self.response(), Condition)
        self.alive = True
        self.reading = asyncio.create_task(self.read())
        return await self.run(f"LOGIN {self.account[0]} {self.account[1]}")

    async def close(self, goodbye=True):
        """Ends the connection; without goodbye the transcript ends with what mattered."""
        self.closing = True
        if self.alive and goodbye:
            if self.idling:
                await self.end_idle()
            await self.run("LOGOUT")
        if self.reading:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
            self.writer.close()

    # reading

    async def more(self):
        data = await self.reader.read(1 << 16)
        if not data:
            raise ConnectionError("closed")
        self.buffer += self.inflate.decompress(data) if self.inflate else data

    async def line(self):
        while b"\r\n" not in self.buffer:
            await self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    async def response(self):
        """The bytes of the next response with its literals."""
        data = await self.line()
        while literal := re.search(rb"\{(\d+)\}$", data):
            size = int(literal[1])
            while len(self.buffer) < size:
                await self.more()
            text, self.buffer = self.buffer[:size], self.buffer[size:]
            data += b"\r\n" + text + await self.line()
        return data

    async def read(self):
        """Takes responses until the connection ends, which only BYE may announce."""
        try:
            while True:
                self.take(await self.response())
                self.news.set()
        except OSError:
            self.note("-- closed")
        finally:
            self.alive = False
            for command in self.in_flight:
                command.status = "GONE"
                command.done.set()
            self.in_flight.clear()
            self.continued.set()
            self.news.set()
        if not self.closing and self.bye is None:
            self.mirror.grammar(False, "the connection ended without BYE")

    def take(self, data, kind=object):
        self.note("S: " + data.decode("latin-1"))
        try:
            response = parse(data)
        except (Malformed, UnicodeDecodeError) as error:
            self.mirror.grammar(False, str(error))
            return
        self.mirror.grammar(isinstance(response, kind), f"{response} where {kind.__name__} was due")
        command = self.in_flight[0] if self.in_flight else None
        if isinstance(response, Continuation):
            self.continued.set()
        elif isinstance(response, Tagged):
            self.answered(response, command)
        elif kind is object:
            if isinstance(response, Condition) and response.status == "BYE":
                self.bye = response.text
            if command:
                command.untagged.append(response)
            self.mirror.receive(response, command)

    def answered(self, response, command):
        if command is None or command.tag != response.tag:
            self.mirror.grammar(False, f"answer to {response.tag}, which is not the next command")
            return
        command.status, command.code, command.answer = response[1:]
        self.mirror.complete(command)
        self.in_flight.popleft()
        command.done.set()

    # writing

    def write(self, data):
        for line in data.removesuffix(b"\r\n").split(b"\r\n"):
            self.note("C: " + line.decode("latin-1"))
        if self.deflate:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.writer.write(data)

    def send(self, commands):
        """All at once, without waiting for answers."""
        for command in commands:
            command.tag = f"{self.name}{next(self.serial)}"
            self.in_flight.append(command)
        self.write(b"".join(command.tag.encode() + b" " + command.text + b"\r\n" for command in commands))

    async def answers(self, commands):
        if not self.alive:
            for command in commands:
                command.status = "GONE"
            return
        self.send(commands)
        for command in commands:
            await self.bounded(command.done.wait(), f"answer to {command}")

    async def run(self, command, **about):
        """Sends one command and waits for its answer."""
        if not isinstance(command, Command):
            command = Command(command, **about)
        await self.answers([command])
        return command

    async def bounded(self, wait, what):
        try:
            return await asyncio.wait_for(wait, PATIENCE)
        except TimeoutError:
            raise TimeoutError(f"{self.name}: no {what} within {PATIENCE} s") from None

    async def until(self, settled):
        """Waits for responses until `settled`; false if they do not bring it about."""
        while self.alive and not settled():
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), PATIENCE)
            except TimeoutError:
                return False
        return True

    async def begin_idle(self):
        self.continued.clear()
        self.idling = Command("IDLE")
        self.send([self.idling])
        await self.bounded(self.continued.wait(), "continuation of IDLE")

    async def end_idle(self):
        command, self.idling = self.idling, None
        if self.alive:
            self.write(b"DONE\r\n")
            await self.bounded(command.done.wait(), "answer to IDLE")

    async def compress(self):
        """Both directions are compressed from here on (RFC 4978)."""
        if (await self.run("COMPRESS DEFLATE")).ok:
            self.deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            self.inflate = zlib.decompressobj(-zlib.MAX_WBITS)
