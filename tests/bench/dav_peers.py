"""Servers of calendars and address books under measurement, each as its documentation has it.

Radicale and Xandikos come from PyPI into `target/peers`. Debian's cyrus-caldav is unpacked into
`target/cyrus`, for its package is in the way of dovecot-imapd. A peer is filled by the quickest way
it has: an object at a time would take some of them an hour.
"""

import base64
import http.client
import imaplib
import os
import pathlib
import pwd
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

import posthorn  # noqa: E402
from server import Server  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
USER, PASSWORD = "bench@example.test", "grey-lamp-over-river-7"
PYTHON_PEERS = ["radicale==3.9.0", "xandikos==0.4.10"]
CYRUS_PACKAGES = ["cyrus-caldav", "cyrus-common", "cyrus-imapd", "libical3", "libshp2", "libpcre3",
                  "libjansson4", "libwrap0", "libnghttp2-14", "libxml2", "libicu72", "sasl2-bin",
                  "libsasl2-modules-db"]


def python_peers():
    """The folder of the programs, installed if they are not."""
    venv = TARGET / "peers"
    if not (venv / "bin/xandikos").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/python3", "-m", "pip", "install", "-q",
                        "--disable-pip-version-check", *PYTHON_PEERS], check=True)
    return venv / "bin"


def cyrus_root():
    """Where cyrus-caldav is unpacked."""
    root = TARGET / "cyrus"
    if not (root / "usr/lib/cyrus/bin/httpd").exists():
        packages = root / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "download", *CYRUS_PACKAGES], cwd=packages, check=True)
        for package in packages.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, root], check=True)
    return root


class DavServer(Server):
    """A server with a calendar and an address book of one person, at these paths."""

    listeners = ("http",)
    user = USER
    calendar = book = None
    # How many requests a measurement has, and how often one is timed; a slow server would take
    # minutes.
    share, repeats = 1.0, 20

    def __init__(self, directory):
        super().__init__(directory, {})

    def secret(self):
        return base64.b64encode(f"{self.user}:{PASSWORD}".encode()).decode()

    def head(self, method, path, body, **headers):
        """A whole request, as it is sent."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port('http')}",
                 f"Authorization: Basic {self.secret()}", f"Content-Length: {len(body)}",
                 *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def ask(self, method, path, body=b"", **headers):
        """One request outside of all measurements."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port("http"), timeout=600)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body,
                           {"Authorization": f"Basic {self.secret()}", **headers})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def need(self, statuses, method, path, body=b"", **headers):
        status, data = self.ask(method, path, body, **headers)
        if status not in statuses:
            raise SystemExit(f"{self.name}: {method} {path}: {status} {data[:500]}")
        return data

    def fill(self, events, cards):
        """Object by object: (name, bytes) of each."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port("http"), timeout=600)
        for folder, objects, kind in [(self.calendar, events, "text/calendar"),
                                      (self.book, cards, "text/vcard")]:
            for name, body in objects:
                connection.request("PUT", folder + name, body, {
                    "Authorization": f"Basic {self.secret()}", "Content-Type": kind})
                answer = connection.getresponse()
                answer.read()
                if answer.status not in (201, 204):
                    raise SystemExit(f"{self.name}: PUT {name}: {answer.status}")
        connection.close()


class PosthornDav(DavServer, posthorn.Posthorn):
    """As `posthorn quickstart` makes it."""

    name = "Posthorn"
    calendar = f"/dav/calendars/{USER}/personal/"
    book = f"/dav/addressbooks/{USER}/personal/"

    def __init__(self, binary, directory):
        posthorn.Posthorn.__init__(self, binary, directory, {USER: PASSWORD})

    def command(self):
        configuration = self.directory / "posthorn.toml"
        if configuration.exists():
            return [self.binary, "--config", configuration, "serve"]
        return super().command()

    def prepare(self):
        # Its ports are those it was made with.
        kept = self.directory / "port-base"
        if kept.exists():
            self.base = int(kept.read_text())
        kept.write_text(str(self.base))

    def fill(self, events, cards):
        self.ask("PROPFIND", "/dav/", Depth="0")
        super().fill(events, cards)


class Radicale(DavServer):
    name = "Radicale"
    user = "bench"
    calendar, book = "/bench/events/", "/bench/cards/"
    share, repeats = 0.025, 1

    def version(self):
        done = subprocess.run([python_peers() / "radicale", "--version"], capture_output=True,
                              text=True)
        return f"Radicale {done.stdout.strip()}"

    def prepare(self):
        users = self.directory / "users"
        users.write_text(f"{self.user}:{PASSWORD}\n")
        self.directory.joinpath("config").write_text("\n".join([
            "[server]", f"hosts = 127.0.0.1:{self.port('http')}", "max_connections = 100",
            "max_content_length = 1000000000", "timeout = 600",
            "[auth]", "type = htpasswd", f"htpasswd_filename = {users}",
            "htpasswd_encryption = plain", "delay = 0",
            "[storage]", f"filesystem_folder = {self.directory}/data",
            "[logging]", "level = error", ""]))

    def command(self):
        return [python_peers() / "radicale", "--config", self.directory / "config"]

    def fill(self, events, cards):
        """Whole collections: a PUT on one is what it is replaced by."""
        inner = b"".join(body.split(b"\r\n", 3)[3].removesuffix(b"END:VCALENDAR\r\n")
                         for _, body in events)
        whole = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//E//E//EN\r\n" + inner
        self.need({201}, "PUT", self.calendar.rstrip("/"), whole + b"END:VCALENDAR\r\n",
                  Content_Type="text/calendar")
        self.need({201}, "PUT", self.book.rstrip("/"), b"".join(body for _, body in cards),
                  Content_Type="text/vcard")


class Xandikos(DavServer):
    name = "Xandikos"
    calendar, book = "/bench/calendars/calendar/", "/bench/contacts/addressbook/"
    share, repeats = 0.025, 1

    def version(self):
        done = subprocess.run([python_peers() / "python3", "-c",
                               "import xandikos; print('.'.join(map(str, xandikos.__version__)))"],
                              capture_output=True, text=True)
        return f"Xandikos {done.stdout.strip()}"

    def command(self):
        return [python_peers() / "xandikos", "serve", "--defaults", "-d", self.directory / "data",
                "-l", "127.0.0.1", "-p", str(self.port("http")), "--current-user-principal",
                "/bench/"]

    def fill(self, events, cards):
        """Its folders are working copies of Git."""
        for path, objects in [(self.calendar, events), (self.book, cards)]:
            folder = self.directory / "data" / path.strip("/")
            for name, body in objects:
                folder.joinpath(name).write_bytes(body)
            git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.test"]
            subprocess.run([*git, "add", "."], cwd=folder, check=True)
            subprocess.run([*git, "commit", "-q", "-m", "filled"], cwd=folder, check=True)
        self.restart()


class Cyrus(DavServer):
    name = "Cyrus"
    user = "bench"
    calendar = "/dav/calendars/user/bench/Default/"
    book = "/dav/addressbooks/user/bench/Default/"
    listeners = ("http", "imap")
    share, repeats = 0.075, 3

    def version(self):
        info = self.program("usr/lib/cyrus/bin/cyr_info", "version")
        return " ".join(info.split()[:2]) or "Cyrus"

    def environment(self):
        root = cyrus_root()
        libraries = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu"]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}

    def program(self, path, *arguments, stdin=""):
        done = subprocess.run([cyrus_root() / path, *map(str, arguments)], input=stdin, text=True,
                              capture_output=True, env=self.environment())
        return done.stdout

    def prepare(self):
        """Its services run as somebody else than root."""
        directory, programs = self.directory, cyrus_root() / "usr/lib/cyrus/bin"
        settings = directory / "imapd.conf"
        settings.write_text("\n".join([
            f"configdirectory: {directory}/config", "defaultpartition: default",
            f"partition-default: {directory}/spool", "admins: admin", "cyrus_user: nobody",
            "cyrus_group: nogroup", "sasl_pwcheck_method: auxprop", "sasl_auxprop_plugin: sasldb",
            f"sasl_sasldb_path: {directory}/sasldb2", "sasl_mech_list: PLAIN",
            "allowplaintext: yes", "httpmodules: caldav carddav", "unixhierarchysep: no",
            "altnamespace: no", ""]))
        directory.joinpath("cyrus.conf").write_text("\n".join([
            "START {", f'recover cmd="{programs}/ctl_cyrusdb -C {settings} -r"', "}", "SERVICES {",
            f'imap cmd="{programs}/imapd -C {settings}" listen="127.0.0.1:{self.port("imap")}"',
            f'http cmd="{programs}/httpd -C {settings}" listen="127.0.0.1:{self.port("http")}" '
            "prefork=8", "}", "EVENTS { }", ""]))
        for folder in ("config", "spool"):
            directory.joinpath(folder).mkdir(exist_ok=True)
        for user in ("admin", self.user):
            self.program("usr/sbin/saslpasswd2", "-p", "-c", "-f", directory / "sasldb2", "-u",
                         os.uname().nodename, user, stdin=PASSWORD + "\n")
        nobody = pwd.getpwnam("nobody")
        for path in [directory, *directory.rglob("*")]:
            shutil.chown(path, nobody.pw_uid, nobody.pw_gid)

    def command(self):
        libraries = self.environment()["LD_LIBRARY_PATH"]
        return ["env", f"LD_LIBRARY_PATH={libraries}", cyrus_root() / "usr/lib/cyrus/bin/master",
                "-M", self.directory / "cyrus.conf", "-C", self.directory / "imapd.conf", "-p",
                self.directory / "master.pid"]

    def fill(self, events, cards):
        with imaplib.IMAP4("127.0.0.1", self.port("imap")) as client:
            client.login("admin", PASSWORD)
            client.create(f"user.{self.user}")
        for home in ("calendars", "addressbooks"):
            self.need({207}, "PROPFIND", f"/dav/{home}/user/{self.user}/", Depth="1")
        super().fill(events, cards)
