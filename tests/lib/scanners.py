"""Programs that check mail, as Debian has them: rspamd, clamd, clamav-milter, opendkim.

None of them needs a network: rspamd asks a name server that is not there, clamd knows one
signature of our own.
"""

import contextlib
import json
import os
import pathlib
import pwd
import socket
import subprocess
import urllib.request

from daemon import Failure
from peers import HOST, free_port, listens, wait_for

# What clamd takes for malware.
MALWARE = "posthorn test malware, harmless in itself"


class Scanner:
    """A program in the foreground that listens on a port of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.process = None
        # Programs that give up root must still get here.
        for folder in [self.folder, *self.folder.parents]:
            with contextlib.suppress(OSError):
                folder.chmod(folder.stat().st_mode | 0o011)

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log)
        try:
            wait_for(lambda: listens(self.port), f"{type(self).__name__} listens")
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class Rspamd(Scanner):
    """Debian's configuration, with what needs a network or Redis switched off."""

    PASSWORD = "learn-from-julie"

    def __init__(self, folder):
        super().__init__(folder)
        self.controller = free_port()
        local = self.folder / "local.d"
        local.mkdir()
        for name in ("data", "run"):
            (self.folder / name).mkdir()
        files = {
            "worker-normal.inc": f'bind_socket = "{HOST}:{self.port}"; count = 1;',
            "worker-controller.inc": f'bind_socket = "{HOST}:{self.controller}"; count = 1;\n'
            f'secure_ip = []; password = "{self.PASSWORD}"; enable_password = "{self.PASSWORD}";',
            "worker-proxy.inc": "enabled = false;",
            "worker-fuzzy.inc": "enabled = false;",
            "options.inc": 'enable_test_patterns = true; gtube_patterns = "all"; local_addrs = [];\n'
            'dns { timeout = 0.1s; retransmits = 1; nameserver = ["127.0.0.1:1"]; }',
            "logging.inc": 'type = "console"; level = "info";',
            "milter_headers.conf": 'use = ["x-spamd-bar"]; skip_local = false; '
            "skip_authenticated = false; skip_all_except_ip = false;",
        }
        for module in ("rbl", "surbl", "fuzzy_check", "phishing", "greylist", "ratelimit", "dmarc",
                       "hfilter", "mx_check", "asn", "neural", "replies", "spf", "dkim", "arc"):
            files[f"{module}.conf"] = "enabled = false;"
        for name, text in files.items():
            (local / name).write_text(text + "\n")
        override = self.folder / "override.d"
        override.mkdir()
        data = self.folder / "data"
        (override / "statistic.conf").write_text(f"""\
classifier "bayes" {{
  tokenizer {{ name = "osb"; }}
  backend = "sqlite3"; min_tokens = 1; min_learns = 1; autolearn = false;
  statfile {{ symbol = "BAYES_HAM"; path = "{data}/ham.sqlite"; spam = false; }}
  statfile {{ symbol = "BAYES_SPAM"; path = "{data}/spam.sqlite"; spam = true; }}
}}
""")
        owner = pwd.getpwnam("_rspamd")
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def command(self):
        data = self.folder / "data"
        return ["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", "/etc/rspamd/rspamd.conf",
                f"--var=LOCAL_CONFDIR={self.folder}", f"--var=DBDIR={data}",
                f"--var=RUNDIR={self.folder}/run", f"--var=LOGDIR={self.folder}"]

    def learned(self):
        """How many messages it has learned."""
        request = urllib.request.Request(
            f"http://{HOST}:{self.controller}/stat", headers={"Password": self.PASSWORD})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["learned"]


class Clamd(Scanner):
    """clamd with a database of one signature."""

    def __init__(self, folder):
        super().__init__(folder)
        database = self.folder / "database"
        database.mkdir()
        (database / "own.ndb").write_text(f"Posthorn.Test:0:*:{MALWARE.encode().hex()}\n")
        (self.folder / "clamd.conf").write_text(f"""\
Foreground yes
DatabaseDirectory {database}
TemporaryDirectory {self.folder}
TCPSocket {self.port}
TCPAddr {HOST}
StreamMaxLength 1M
""")

    def command(self):
        return ["clamd", "-c", self.folder / "clamd.conf"]


class ClamavMilter(Scanner):
    """clamav-milter in front of a clamd; it refuses, and adds its fields."""

    def __init__(self, folder, clamd):
        super().__init__(folder)
        (self.folder / "milter.conf").write_text(f"""\
Foreground yes
MilterSocket inet:{self.port}@{HOST}
ClamdSocket tcp:{HOST}:{clamd.port}
OnInfected Reject
RejectMsg Malware of the kind %v
AddHeader Replace
TemporaryDirectory {self.folder}
""")

    def command(self):
        return ["clamav-milter", "-c", self.folder / "milter.conf"]


class OpenDkim(Scanner):
    """opendkim that signs for one domain; over a socket file."""

    def __init__(self, folder, domain):
        super().__init__(folder)
        self.socket = self.folder / "socket"
        key = self.folder / "key.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        key.chmod(0o600)
        (self.folder / "opendkim.conf").write_text(f"""\
Domain {domain}
Selector test
KeyFile {key}
Mode s
Socket local:{self.socket}
UserID root
Background no
Syslog no
InternalHosts {HOST}
RequireSafeKeys no
""")

    def command(self):
        return ["opendkim", "-f", "-x", self.folder / "opendkim.conf"]

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log)
        try:
            wait_for(self.listens, "opendkim listens")
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()}")

    def listens(self):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.socket))
            return True
        return False
