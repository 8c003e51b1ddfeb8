"""A Dovecot of Debian's packages, private to one run: own configuration, own ports, own mail.

It is set up as an operator would who wants it fast and durable: sdbox, mail_fsync = always, no
limit in the way, sign-in processes in high-performance mode.
"""

import os
import pathlib
import pwd
import shutil
import subprocess

from server import Server

# Debian's dovecot-core makes the first two users; the mail belongs to one that always exists.
LOGIN_USER, INTERNAL_USER, MAIL_USER = "dovenull", "dovecot", "mail"

CONFIGURATION = """
base_dir = {run}
state_dir = {run}
log_path = {directory}/dovecot.log
listen = 127.0.0.1
protocols = imap lmtp
default_login_user = {login_user}
default_internal_user = {internal_user}
default_client_limit = 10000
default_process_limit = 5000
default_vsz_limit = 0

mail_location = sdbox:{directory}/mail/%u
mail_fsync = always
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
mail_plugins =
namespace inbox {{
  inbox = yes
  separator = /
}}

disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 0
auth_failure_delay = 0
auth_worker_max_count = 4
passdb {{
  driver = passwd-file
  args = scheme=CRYPT username_format=%u {directory}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/home/%u
}}

ssl = yes
ssl_cert = <{directory}/certificate.pem
ssl_key = <{directory}/key.pem
ssl_dh =

mail_max_userip_connections = 100000
lmtp_save_to_detail_mailbox = no
recipient_delimiter = +
protocol imap {{
  mail_max_userip_connections = 100000
}}

service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 2
}}
service imap {{
  process_limit = 5000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
  process_min_avail = 2
}}
service anvil {{
  client_limit = 50000
}}
service auth {{
  client_limit = 50000
}}
service stats {{
  unix_listener stats-reader {{
  }}
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Dovecot(Server):
    """A running Dovecot with these accounts."""

    name = "Dovecot"

    @staticmethod
    def version():
        done = subprocess.run(["dovecot", "--version"], capture_output=True, text=True)
        return f"Dovecot {done.stdout.split()[0]} (sdbox, mail_fsync = always)"

    def command(self):
        return ["dovecot", "-F", "-c", self.directory / "dovecot.conf"]

    def prepare(self):
        if os.geteuid() != 0 or not shutil.which("dovecot"):
            raise SystemExit("Dovecot is started as root, from Debian's packages: "
                             "apt-get install dovecot-imapd dovecot-lmtpd")
        mail = pwd.getpwnam(MAIL_USER)
        # Its processes run as several users, so the way down to the mail is open to search.
        self.directory.chmod(0o755)
        for name in ("run", "mail", "home"):
            (self.directory / name).mkdir(exist_ok=True)
        for name in ("mail", "home"):
            os.chown(self.directory / name, mail.pw_uid, mail.pw_gid)
        lines = [f"{user}:{hash_password(password)}" for user, password in self.accounts.items()]
        passwd = self.directory / "passwd"
        passwd.write_text("\n".join(lines) + "\n")
        shutil.chown(passwd, INTERNAL_USER)
        passwd.chmod(0o600)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", "/CN=localhost",
             "-keyout", self.directory / "key.pem", "-out", self.directory / "certificate.pem"],
            check=True, capture_output=True)
        ports = {name: self.port(name) for name in ("imap", "imaps", "lmtp")}
        (self.directory / "dovecot.conf").write_text(CONFIGURATION.format(
            directory=self.directory, run=self.directory / "run", uid=mail.pw_uid,
            gid=mail.pw_gid, login_user=LOGIN_USER, internal_user=INTERNAL_USER, **ports))


def hash_password(password):
    """What doveadm makes on this system for a scheme that many installations use."""
    done = subprocess.run(
        ["doveadm", "pw", "-s", "SHA512-CRYPT", "-p", password],
        capture_output=True, text=True, check=True)
    return done.stdout.strip()
