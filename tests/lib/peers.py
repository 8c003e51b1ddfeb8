"""Foreign servers for sending tests: a name server (nsd), a resolver that validates (unbound),
Postfix, and a sink that counts."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time

from daemon import Failure

HOST = "127.0.0.1"
# rspamd compiles thousands of suffixes first, which takes a slow machine minutes.
START_SECONDS = 300


_GIVEN = set()


def free_port():
    """Each is given once: whoever asked for it binds it later."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        if port not in _GIVEN:
            _GIVEN.add(port)
            return port


def wait_for(condition, what, seconds=START_SECONDS):
    """Waits for another process; there is no event of ours to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what} within {seconds} s")
        time.sleep(0.05)


def listens(port):
    with contextlib.suppress(OSError):
        socket.create_connection((HOST, port), 1).close()
        return True
    return False


class NameServer:
    """nsd, authoritative for zones given as {name: lines}."""

    def __init__(self, folder, zones, port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = port or free_port()
        config = [
            "server:", f"  ip-address: {HOST}@{self.port}", '  username: ""', "  server-count: 1",
            f'  zonesdir: "{self.folder}"', '  database: ""', f'  pidfile: "{self.folder}/pid"',
            f'  xfrdfile: "{self.folder}/xfrd"', f'  zonelistfile: "{self.folder}/zones"',
            f'  xfrdir: "{self.folder}"', "remote-control:", "  control-enable: no",
        ]
        for name, lines in zones.items():
            head = ["$TTL 60", f"@ IN SOA ns.{name}. root.{name}. 1 60 60 60 60",
                    f"@ IN NS ns.{name}.", f"ns.{name}. IN A {HOST}"]
            (self.folder / f"{name}.zone").write_text("\n".join(head + lines) + "\n")
            config += ["zone:", f"  name: {name}", f"  zonefile: {name}.zone"]
        (self.folder / "nsd.conf").write_text("\n".join(config) + "\n")

    def __enter__(self):
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["nsd", "-d", "-c", self.folder / "nsd.conf"], stdout=log, stderr=log)
        wait_for(lambda: listens(self.port), f"nsd answers ({self.folder}/log)")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def sign_zone(folder, name):
    """Signs a zone of a NameServer (NSEC3); gives its trust anchor. Zone files are read at the start."""
    folder = pathlib.Path(folder)
    zone = folder / f"{name}.zone"
    made = subprocess.run(
        ["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name], cwd=folder, check=True,
        capture_output=True, text=True)
    key = made.stdout.strip()
    subprocess.run(
        ["ldns-signzone", "-n", "-o", f"{name}.", "-f", zone, zone, folder / key], check=True,
        capture_output=True)
    return (folder / f"{key}.ds").read_text().strip()


class Resolver:
    """unbound, which asks a NameServer for its zones and validates those that have an anchor."""

    def __init__(self, folder, server, zones, anchors):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        config = [
            "server:", f"  interface: {HOST}@{self.port}", '  username: ""', '  chroot: ""',
            f'  directory: "{self.folder}"', f'  pidfile: "{self.folder}/pid"', "  use-syslog: no",
            '  logfile: ""', "  do-not-query-localhost: no", "  num-threads: 1",
            "  do-ip6: no", '  module-config: "validator iterator"', "  val-log-level: 2",
            "  cache-max-ttl: 0", "  cache-max-negative-ttl: 0",
        ]
        config += [f'  local-zone: "{zone}." nodefault' for zone in zones if zone == "test"]
        config += [f'  trust-anchor: "{anchor}"' for anchor in anchors]
        signed = {anchor.split()[0].rstrip(".") for anchor in anchors}
        config += [f'  domain-insecure: "{zone}."' for zone in zones if zone not in signed]
        for zone in zones:
            config += ["stub-zone:", f'  name: "{zone}."', f"  stub-addr: {HOST}@{server.port}"]
        config += ["remote-control:", "  control-enable: no"]
        (self.folder / "unbound.conf").write_text("\n".join(config) + "\n")

    def __enter__(self):
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["unbound", "-d", "-c", self.folder / "unbound.conf"], stdout=log, stderr=log)
        wait_for(lambda: listens(self.port), f"unbound answers ({self.folder}/log)")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Postfix:
    """An instance of its own that takes mail for one domain into maildirs. Needs root."""

    MASTER = """\
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, folder, domain, mailboxes, back):
        """`back` is (domain, port): where its own reports go."""
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.domain = domain
        nobody = pwd.getpwnam("nobody")
        for name in ("etc", "spool", "data", "mail", "log"):
            (self.folder / name).mkdir(parents=True)
        os.chown(self.folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.folder / "mail", nobody.pw_uid, nobody.pw_gid)
        # Every folder above must let Postfix's own users through.
        for folder in [self.folder, *self.folder.parents]:
            with contextlib.suppress(OSError):
                folder.chmod(folder.stat().st_mode | 0o011)
        key = self.folder / "etc/key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
             key, "-out", key.with_name("certificate.pem"), "-subj", f"/CN=mx.{domain}"],
            check=True, capture_output=True)
        maps = " ".join(f"{{{name}@{domain} = {name}/}}" for name in mailboxes)
        (self.folder / "etc/main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/spool
data_directory = {self.folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.folder}/log/mail.log
maillog_file_prefixes = {self.folder}
inet_interfaces = {HOST}
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
mynetworks = {HOST}/32
alias_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {self.folder}/mail
virtual_mailbox_maps = inline:{{ {maps} }}
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {key.with_name("certificate.pem")}
smtpd_tls_key_file = {key}
smtpd_tls_received_header = yes
smtpd_client_restrictions =
smtputf8_enable = yes
transport_maps = inline:{{ {{{back[0]} = smtp:[{HOST}]:{back[1]}}} }}
smtp_host_lookup = native
""")
        (self.folder / "etc/master.cf").write_text(self.MASTER.format(port=f"{HOST}:{self.port}"))

    def __enter__(self):
        self.process = subprocess.Popen(
            ["postfix", "-c", self.folder / "etc", "start-fg"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        wait_for(lambda: listens(self.port), f"Postfix listens ({self.log()})")
        return self

    def __exit__(self, *_):
        subprocess.run(["postfix", "-c", self.folder / "etc", "stop"], capture_output=True)
        self.process.wait()

    def log(self):
        path = self.folder / "log/mail.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else "no log"

    def mailbox(self, name, count=1):
        """The messages in a mailbox, once there are so many."""
        new = self.folder / "mail" / name / "new"

        def arrived():
            return new.is_dir() and len(list(new.iterdir())) >= count
        try:
            wait_for(arrived, f"{count} message(s) for {name}")
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()}")
        found = [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(new.iterdir())]
        if len(found) != count:
            raise Failure(f"{name}: {len(found)} messages, expected {count}")
        shutil.rmtree(new)
        return found


class Sink:
    """An SMTP server that counts messages by their X-Name field, and takes its time for each, none
    before it is `open`."""

    def __init__(self, pause=0):
        self.pause = pause
        self.seen = {}
        self.clients = {}
        self.open = threading.Event()
        self.open.set()
        self.lock = threading.Lock()
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    sink.converse(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 100

        self.server = Server((HOST, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def converse(self, read, write):
        write.write(b"220 sink.test\r\n")
        client = None
        while line := read.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                client = line[5:].strip().decode()
                with self.lock:
                    self.clients.setdefault(client, 0)
                write.write(b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                # Not behind the final dot: what is repeated after a crash is what that gap holds.
                time.sleep(self.pause)
                self.open.wait()
                write.write(b"354 go\r\n")
                content = []
                while (line := read.readline()) != b".\r\n":
                    if not line:
                        return
                    content.append(line)
                name = re.search(rb"X-Name: (\S+)", b"".join(content)).group(1).decode()
                with self.lock:
                    self.seen[name] = self.seen.get(name, 0) + 1
                    self.clients[client] += 1
                write.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                write.write(b"221 bye\r\n")
                return
            else:
                write.write(b"250 ok\r\n")

    def count(self):
        with self.lock:
            return len(self.seen)

    def from_client(self, name):
        """How many messages came from one that calls itself so; None: it never came."""
        with self.lock:
            return self.clients.get(name)

    def duplicates(self):
        with self.lock:
            return sum(count - 1 for count in self.seen.values())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Receiver(socketserver.ThreadingTCPServer):
    """A server of another domain, which takes whatever it is sent and announces what it is told to."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, address=(HOST, 0), keywords=()):
        self.received = []
        self.mails = []
        self.keywords = keywords
        super().__init__(address, Reception)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def to(self, address):
        return [text for recipients, text in list(self.received) if address in recipients]


class Reception(socketserver.StreamRequestHandler):
    def handle(self):
        recipients = []
        self.say("220 sink.test")
        while line := self.rfile.readline():
            verb, text = line[:4].upper(), line.decode()
            if verb == b"DATA":
                self.say("354 go on")
                body = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.received.append((recipients, body.decode()))
                recipients = []
            elif verb == b"EHLO":
                for keyword in ("sink.test", *self.server.keywords):
                    self.say(f"250-{keyword}")
            elif verb == b"MAIL":
                self.server.mails.append(text.strip())
            elif verb == b"RCPT":
                recipients.append(re.search("<([^>]*)>", text)[1])
            elif verb == b"QUIT":
                return self.say("221 bye")
            self.say("250 ok")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())
