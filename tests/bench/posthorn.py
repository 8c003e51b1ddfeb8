"""Posthorn as `posthorn quickstart` makes it, in a directory of its own: nothing is tuned."""

import subprocess

from server import Server


class Posthorn(Server):
    """A running Posthorn with these accounts."""

    name = "Posthorn"

    def __init__(self, binary, directory, accounts):
        super().__init__(directory, accounts)
        self.binary = binary

    def version(self):
        done = subprocess.run([self.binary, "version"], capture_output=True, text=True)
        words = " ".join(done.stdout.split())
        return words or "Posthorn"

    def command(self):
        command = [self.binary, "quickstart", "--dir", self.directory,
                   "--port-base", str(self.base)]
        for address, password in self.accounts.items():
            command += ["--account", f"{address}:{password}"]
        return command
