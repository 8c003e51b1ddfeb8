"""A Postfix of Debian's packages as a relay, private to one run: own configuration, ports and queue.

It is set up as an operator would who wants it fast; that it is durable cannot be switched off.
"""

import os
import pathlib
import shutil
import subprocess

import peers

# What is handed in is taken for anybody and goes to the sink, with no look-up on the way.
CONFIGURATION = """\
relayhost = [{host}]:{port}
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
qmgr_message_active_limit = 1000000
initial_destination_concurrency = {concurrency}
default_destination_concurrency_limit = {concurrency}
"""


class Postfix(peers.Postfix):
    """A Postfix that passes everything on. Use it in a `with` block."""

    name = "Postfix"

    def __init__(self, directory, host, port, concurrency):
        if os.geteuid() != 0 or not shutil.which("postfix"):
            raise SystemExit("Postfix is started as root, from Debian's package: "
                             "apt-get install postfix")
        super().__init__(directory, "relay.test", [], ("back.test", port))
        with open(self.folder / "etc/main.cf", "a") as configuration:
            configuration.write(
                CONFIGURATION.format(host=host, port=port, concurrency=concurrency))

    @staticmethod
    def version():
        done = subprocess.run(
            ["postconf", "-dh", "mail_version"], capture_output=True, text=True, check=True)
        return f"Postfix {done.stdout.strip()}"

    def client(self):
        """Where messages are handed in, in the words of `posthorn bench smtp`."""
        return ["--protocol", "smtp", "--port", self.port]

    def log_path(self):
        return pathlib.Path(self.folder / "log/mail.log")
