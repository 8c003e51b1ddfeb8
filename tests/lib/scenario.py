"""What the end-to-end scenarios share: addresses, ports, checks, short cuts to foreign clients.

A scenario is a program of its own, `tests/e2e/NN_name/run`, started by `tests/e2e/run` in an
empty directory beside a fresh daemon. It fails by raising, and says what it expected.
"""

import contextlib
import imaplib
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys

from daemon import DOMAIN, JULIE, MAX, PASSWORDS, Failure, parse_json  # noqa: F401

HOST = "127.0.0.1"
HERE = pathlib.Path.cwd()
QUICK = os.environ.get("POSTHORN_QUICK") == "1"
ENGINE = os.environ.get("POSTHORN_ENGINE", "sqlite")

# LIMIT: no single answer of a healthy daemon takes this long, not even on a loaded machine.
PATIENCE = 120


def port(protocol):
    return int(os.environ[f"POSTHORN_PORT_{protocol.upper()}"])


def expect(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}:\n  expected {wanted!r}\n       got {got!r}")


def run(*command, status=0, stdin=None, timeout=PATIENCE, env=None):
    """Runs a foreign program; returns its output, both streams together."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            [str(word) for word in command], input=data or b"", stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=timeout, env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired as error:
        shown = (error.output or b"").decode(errors="replace")[-3000:]
        raise Failure(f"{command[0]}: still running after {timeout} s\n{shown}")
    output = done.stdout.decode(errors="replace")
    accepted = status if isinstance(status, (tuple, list, set)) else (status,)
    if done.returncode not in accepted:
        shown = " ".join(str(word) for word in command)
        raise Failure(f"{shown}: exit {done.returncode}, expected {status}\n{output[-6000:]}")
    return output


def posthorn(*arguments, stdin="", status=0, timeout=PATIENCE):
    return run(os.environ["POSTHORN_BINARY"], "--config", os.environ["POSTHORN_CONFIG_FILE"],
               *arguments, stdin=stdin, status=status, timeout=timeout)


def corpus(seed, count):
    """Varied messages from the testkit: a list of (kind, bytes)."""
    folder = HERE / f"corpus-{seed}"
    if not folder.exists():
        run(os.environ["POSTHORN_TESTKIT"], "corpus", seed, count, folder)
    files = sorted(folder.glob("*.eml"))
    return [(file.name.split(".")[1], file.read_bytes()) for file in files]


def any_certificate():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def certificate_file():
    """The daemon's certificate as PEM, for programs that want to be told whom to trust."""
    path = HERE / "server.pem"
    with socket.create_connection((HOST, port("imaps")), PATIENCE) as plain:
        with any_certificate().wrap_socket(plain, server_hostname="localhost") as tls:
            der = tls.getpeercert(binary_form=True)
    path.write_text(ssl.DER_cert_to_PEM_cert(der))
    return path, der


@contextlib.contextmanager
def imap(address=JULIE, mailbox=None):
    """Python's imaplib, signed in over TLS."""
    connection = imaplib.IMAP4_SSL(HOST, port("imaps"), ssl_context=any_certificate(),
                                   timeout=PATIENCE)
    ok(connection.login(address, PASSWORDS[address]), "LOGIN")
    if mailbox is not None:
        ok(connection.select(f'"{mailbox}"'), f"SELECT {mailbox}")
    try:
        yield connection
    finally:
        with contextlib.suppress(Exception):
            connection.logout()


def ok(answer, what):
    """The data of an imaplib answer that must be OK."""
    status, data = answer
    expect(status == "OK", f"{what}: {status} {data}")
    return data


def no(answer, what):
    """The text of an imaplib answer that must be NO."""
    status, data = answer
    expect(status == "NO", f"{what}: expected NO, got {status} {data}")
    return b" ".join(part for part in data if isinstance(part, bytes)).decode()


def messages(connection, mailbox):
    """All messages of a mailbox: {uid: (flags, bytes)}. Flags without \\Recent."""
    ok(connection.select(f'"{mailbox}"', readonly=True), f"EXAMINE {mailbox}")
    data = ok(connection.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])"), "UID FETCH")
    found = {}
    for part in data:
        # A response with a literal is a pair; what follows the literal is the next element.
        if not isinstance(part, tuple):
            continue
        head = part[0].decode()
        uid = int(re.search(r"UID (\d+)", head).group(1))
        flags = frozenset(re.search(r"FLAGS \(([^)]*)\)", head).group(1).split()) - {"\\Recent"}
        expect(uid not in found, f"UID {uid} came twice in {mailbox}")
        found[uid] = (flags, part[1])
    return found


def only_message(address, mailbox="INBOX"):
    """The one message in a mailbox, which is expunged so that the next check finds it empty."""
    with imap(address) as connection:
        found = messages(connection, mailbox)
        equal(len(found), 1, f"messages in {mailbox} of {address}")
        ok(connection.select(f'"{mailbox}"'), "SELECT")
        ok(connection.store("1:*", "+FLAGS.SILENT", "(\\Deleted)"), "STORE")
        ok(connection.expunge(), "EXPUNGE")
    return next(iter(found.values()))[1]


def header(message, name):
    """The first header field of that name, unfolded, or None."""
    head = message.split(b"\r\n\r\n", 1)[0]
    unfolded = re.sub(rb"\r\n[ \t]", b" ", head).split(b"\r\n")
    for line in unfolded:
        key, _, value = line.partition(b":")
        if key.lower() == name.lower().encode():
            return value.strip().decode(errors="replace")
    return None


class Raw:
    """A socket that sends what it is told and shows what comes."""

    def __init__(self, protocol, tls=False, greeting=True):
        self.socket = socket.create_connection((HOST, port(protocol)), PATIENCE)
        if tls:
            self.socket = any_certificate().wrap_socket(self.socket, server_hostname="localhost")
        self.pending = b""
        self.sent = b""
        if greeting:
            self.greeting = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, data):
        self.sent = data
        self.socket.sendall(data)

    def try_send(self, data):
        """Sends as much as the server takes; it may close in the middle."""
        self.sent = data
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def line(self):
        """The next line with its line end; what there is when the server closes."""
        while b"\n" not in self.pending:
            try:
                chunk = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                chunk = b""
            except TimeoutError:
                raise Failure(f"no answer within {PATIENCE} s to {self.sent[-200:]!r}")
            if not chunk:
                line, self.pending = self.pending, b""
                return line
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line + b"\n"

    def until(self, start):
        """Lines up to and with the first that begins so; fails if the server closes before."""
        lines = []
        while True:
            line = self.line()
            if not line:
                raise Failure(f"closed while waiting for {start!r}: {lines[-5:]}")
            lines.append(line)
            if line.startswith(start):
                return lines

    def reply(self):
        """One SMTP reply: its code and lines."""
        lines = []
        while True:
            line = self.line()
            if not line:
                return None, lines
            lines.append(line)
            if line[3:4] != b"-":
                return int(line[:3]), lines

    def command(self, line):
        """One SMTP command; returns the code of the reply."""
        self.send(line.encode() + b"\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.reply()[0]

    def imap(self, command, tag=b"r1"):
        """One IMAP command; returns the lines up to its tagged reply."""
        self.send(tag + b" " + command + b"\r\n")
        return self.until(tag + b" ")

    def rest(self):
        """Everything up to the end of the stream."""
        data = self.pending
        self.pending = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while chunk := self.socket.recv(65536):
                data += chunk
        return data


def main(steps):
    """Runs the steps in order and says which one failed."""
    for step in steps:
        try:
            step()
        except Failure as failure:
            print(f"{step.__name__}: {failure}", file=sys.stderr)
            sys.exit(1)
        print(f"  {step.__name__}")
