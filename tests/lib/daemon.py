"""Starting, killing and asking a Posthorn daemon, for the end-to-end and the crash tests.

Needs Python's standard library only. The binary is $POSTHORN_BINARY, else target/debug/posthorn.
With the engine `postgres` the database lies on $POSTHORN_TEST_POSTGRES, else on a private server
that `testkit postgres` starts and that ends with this process.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = pathlib.Path(os.environ.get("POSTHORN_BINARY", TARGET / "debug/posthorn"))
TESTKIT = pathlib.Path(os.environ.get("POSTHORN_TESTKIT", TARGET / "debug/testkit"))

# The standard ports; a listener is at port base + standard port, as quickstart does it.
PORTS = {
    "smtp": 25, "lmtp": 24, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993,
    "pop3": 110, "pop3s": 995, "managesieve": 4190, "http": 80, "https": 443,
}

DOMAIN = "example.test"
JULIE = f"julie@{DOMAIN}"
MAX = f"max@{DOMAIN}"
PASSWORDS = {JULIE: "grey-lamp-over-river-7", MAX: "seven-quiet-windows-3"}

# A debug build on a loaded machine may need a while; a daemon that needs longer is stuck.
START_SECONDS = 120
STOP_SECONDS = 60


class Failure(Exception):
    """What was expected and what came, in one sentence."""


class Reserved:
    """Ports that this process may give to daemons. A byte of one file is locked for
    each, so that runs side by side keep out of each other's way: between a look at a port and the
    start of the daemon that listens there it is free for all to see."""

    def __init__(self):
        self.file = None
        self.ports = set()
        # A lock on a byte keeps other processes out, and this process's own threads not.
        self.one_thread = threading.RLock()

    def take(self, ports):
        """Whether nobody had one of the ports; then all of them are taken."""
        with self.one_thread:
            return self.take_alone(ports)

    def take_alone(self, ports):
        if self.ports & ports:
            return False
        if self.file is None:
            name = f"posthorn-test-ports-{os.getuid()}"
            self.file = open(pathlib.Path(tempfile.gettempdir()) / name, "w")
        locked = set()
        try:
            for port in ports:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
                locked.add(port)
        except OSError:
            self.release(locked)
            return False
        self.ports |= ports
        return True

    def release(self, ports):
        """Nothing listens there any more. What is not released ends with this process."""
        with self.one_thread:
            for port in ports:
                fcntl.lockf(self.file, fcntl.LOCK_UN, 1, port)
            self.ports -= ports


RESERVED = Reserved()


def ports_from(base):
    return {base + offset for offset in PORTS.values()}


def free_port_base():
    """A base at which every standard port is free on loopback, and below those that the system
    gives to outgoing connections, which would be in the way when a daemon starts again. They are this
    process's own from then on."""
    for _ in range(200):
        base = random.randrange(10000, 28000, 50)
        with contextlib.ExitStack() as held:
            try:
                for offset in PORTS.values():
                    probe = held.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", base + offset))
            except OSError:
                continue
        if RESERVED.take(ports_from(base)):
            return base
    raise Failure("no port base is free on 127.0.0.1")


class Postgres:
    """One database of its own, on the server of the test run or on a private one."""

    def __init__(self, durable=False):
        self.server = None
        url = os.environ.get("POSTHORN_TEST_POSTGRES")
        if not url or durable:
            arguments = [TESTKIT, "postgres"] + (["--durable"] if durable else [])
            self.server = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            url = self.server.stdout.readline().strip()
            if not url:
                raise Failure("testkit postgres did not start")
        self.name = f"e2e_{os.getpid()}_{secrets.token_hex(4)}"
        self.psql(f"{url}/postgres", f"CREATE DATABASE {self.name} TEMPLATE template0")
        self.admin = url
        self.url = f"{url}/{self.name}"

    @staticmethod
    def psql(url, statement):
        done = subprocess.run(
            ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement,
             url], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{statement}: {done.stderr.strip()}")
        return done.stdout

    def ask(self, statement):
        """What a statement finds, a line for each row."""
        return self.psql(self.url, statement).splitlines()

    def close(self):
        with contextlib.suppress(Failure):
            self.psql(f"{self.admin}/postgres", f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        if self.server:
            self.server.stdin.close()
            self.server.wait()


class Daemon:
    """A daemon with the accounts of PASSWORDS. Use it in a `with` block."""

    def __init__(self, engine="sqlite", data_dir=None, durable=False, log=None):
        self.engine = engine
        self.temporary = tempfile.mkdtemp(prefix="posthorn-test-")
        self.data_dir = pathlib.Path(data_dir or self.temporary) / "data"
        self.config = None
        self.base = free_port_base()
        self.process = None
        self.postgres = Postgres(durable) if engine == "postgres" else None
        self.log_path = pathlib.Path(log or pathlib.Path(self.temporary) / "daemon.log")

    @classmethod
    def beside(cls, first):
        """Another on the database of `first`, with its keys and its configuration as it is now, on ports
        of its own. It is not started."""
        second = cls()
        second.data_dir.mkdir()
        for key in ("seal.key", "scram.key"):
            shutil.copy(first.data_dir / key, second.data_dir)
        second.config = second.data_dir / "posthorn.toml"
        text = first.config.read_text().replace(str(first.data_dir), str(second.data_dir))
        ports = {first.port(name): second.port(name) for name in PORTS}
        second.config.write_text(re.sub(
            r":(\d+)\"", lambda found: f":{ports.get(int(found[1]), int(found[1]))}\"", text))
        return second

    def __enter__(self):
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        RESERVED.release(ports_from(self.base))
        if self.postgres:
            self.postgres.close()
        shutil.rmtree(self.temporary, ignore_errors=True)

    def port(self, protocol):
        return self.base + PORTS[protocol]

    def prepare(self):
        """With PostgreSQL there is no quickstart: a configuration, the domain, the accounts."""
        if self.engine == "sqlite":
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.config = self.data_dir / "posthorn.toml"
        lines = [
            f'hostname = "mail.{DOMAIN}"', f'data_dir = "{self.data_dir}"', "[storage]",
            f'database = "{self.postgres.url}"', "[tls]", 'mode = "self-signed"',
            "[limits]", "messages_per_day = 1000000000", "recipients_per_message = 1000000000",
            "[queue]", "enabled = false",
        ]
        for protocol in ("smtp", "lmtp", "submission", "submissions", "imap", "imaps", "pop3",
                         "pop3s", "managesieve", "http", "https"):
            lines += ["[[listener]]", f'protocol = "{protocol}"',
                      f'bind = "127.0.0.1:{self.port(protocol)}"']
            if protocol in ("submission", "imap", "pop3", "managesieve", "http"):
                lines.append("plaintext_auth = true")
        self.config.write_text("\n".join(lines) + "\n")
        self.cli("domain", "add", DOMAIN)
        for address, password in PASSWORDS.items():
            self.cli("account", "add", address, "--password-stdin", stdin=password + "\n")

    def command(self):
        """quickstart the first time; from then on there is a configuration to serve."""
        if shutil.which("setpriv"):
            # A test that is killed takes its daemon with it.
            return ["setpriv", "--pdeathsig", "KILL", *self.posthorn()]
        return self.posthorn()

    def posthorn(self):
        if self.config:
            return [BINARY, "--config", self.config, "serve"]
        command = [BINARY, "quickstart", "--dir", self.data_dir, "--port-base", str(self.base),
                   "--domain", DOMAIN]
        for address, password in PASSWORDS.items():
            command += ["--account", f"{address}:{password}"]
        return command

    def start(self):
        """Starts the daemon and returns once it has said `ready`."""
        log = open(self.log_path, "ab")
        environment = {k: v for k, v in os.environ.items() if k != "POSTHORN_CONFIG"}
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            cwd=self.temporary, env=environment)
        ready = threading.Event()
        threading.Thread(
            target=self.read_output, args=(self.process, log, ready), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while not ready.wait(0.05):
            if self.process.poll() is not None:
                raise Failure(f"the daemon ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"not ready after {START_SECONDS} s:\n{self.tail()}")
        if self.config is None:
            self.config = next(iter(sorted(self.data_dir.glob("*.toml"))), None)
            if self.config is None:
                raise Failure(f"quickstart wrote no configuration into {self.data_dir}")

    @staticmethod
    def read_output(process, log, ready):
        for line in process.stdout:
            log.write(line)
            log.flush()
            if line.strip() == b"ready":
                ready.set()

    def tail(self, lines=40):
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        return "(no log)"

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL: what a crash or the kernel does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; the daemon must end by itself, and well."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running {STOP_SECONDS} s after SIGTERM:\n{self.tail()}")
        if status != 0:
            raise Failure(f"ended with {status} after SIGTERM:\n{self.tail()}")

    def cli(self, *arguments, stdin="", expect=0):
        """Runs the command line on this daemon's data; returns its output."""
        command = [str(BINARY), "--config", str(self.config), *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=300)
        if done.returncode != expect:
            raise Failure(
                f"posthorn {' '.join(map(str, arguments))}: exit {done.returncode}, expected "
                f"{expect}\n{done.stdout}{done.stderr}")
        return done.stdout if expect == 0 else done.stderr

    def check_store(self):
        """Every stored invariant; a finding is a failure with its text."""
        return self.cli("check-store")

    def environment(self):
        """What a scenario of its own process needs to know."""
        values = {f"POSTHORN_PORT_{name.upper()}": str(self.base + offset)
                  for name, offset in PORTS.items()}
        values.update({
            "POSTHORN_CONFIG_FILE": str(self.config), "POSTHORN_PID": str(self.process.pid),
            "POSTHORN_BINARY": str(BINARY), "POSTHORN_TESTKIT": str(TESTKIT),
            "POSTHORN_ENGINE": self.engine, "POSTHORN_DATA_DIR": str(self.data_dir),
        })
        return values


def parse_json(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"not JSON ({error}): {text[:500]}")


def log(*words):
    print(*words, file=sys.stderr, flush=True)
