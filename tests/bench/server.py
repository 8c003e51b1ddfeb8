"""A server under measurement: a directory, ports on loopback, a process of its own."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

from daemon import PORTS, free_port_base  # noqa: E402

START_SECONDS = 60
STOP_SECONDS = 60


class Server:
    """What both servers have in common. Use it in a `with` block."""

    name = None
    # What has to be open before it counts as started.
    listeners = ("lmtp", "imap", "imaps")

    def __init__(self, directory, accounts):
        self.directory = pathlib.Path(directory)
        self.accounts = accounts
        self.base = free_port_base()
        self.process = None

    def __enter__(self):
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def restart(self):
        """Ends the server and starts it again on the same directory and ports."""
        self.stop()
        self.start()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def port(self, protocol):
        return self.base + PORTS[protocol]

    def prepare(self):
        """Writes what the server needs before it starts."""

    def command(self):
        """The command line of the server, in the foreground."""
        raise NotImplementedError

    def start(self):
        """Starts the server; returns once its listeners accept."""
        log = self.directory / "output.log"
        with open(log, "ab") as output:
            environment = {k: v for k, v in os.environ.items() if k != "POSTHORN_CONFIG"}
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=environment)
        deadline = time.monotonic() + START_SECONDS
        for protocol in self.listeners:
            while not self.accepts(protocol):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{self.name} did not start:\n"
                                     f"{log.read_text(errors='replace')}")
                time.sleep(0.05)

    def accepts(self, protocol):
        try:
            socket.create_connection(("127.0.0.1", self.port(protocol)), 1).close()
        except OSError:
            return False
        return True
