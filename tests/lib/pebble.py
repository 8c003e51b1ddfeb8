"""pebble, a server of ACME made for tests, and the DNS that it asks (pebble-challtestsrv)."""

import base64
import json
import os
import pathlib
import ssl
import subprocess
import urllib.request

from peers import HOST, free_port, listens, wait_for

EXTERNAL_ID = "kid-1"
EXTERNAL_KEY = base64.urlsafe_b64encode(b"a key for tests of 32 bytes long").decode().rstrip("=")


def openssl(*arguments):
    return subprocess.run(
        ["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


class Names:
    """A DNS in which every name leads here; TXT records can be set."""

    def __init__(self):
        self.port, self.management = free_port(), free_port()

    def __enter__(self):
        self.process = subprocess.Popen(
            ["pebble-challtestsrv", "-defaultIPv4", HOST, "-defaultIPv6", "", "-dns01",
             f"{HOST}:{self.port}", "-http01", "", "-https01", "", "-tlsalpn01", "",
             "-management", f"{HOST}:{self.management}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(self.management), "pebble-challtestsrv answers")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def hook(self, path, log):
        """A program that publishes what it is told to, and notes it."""
        path.write_text(f"""#!/usr/bin/env python3
import json, sys, urllib.request
verb, name, value = sys.argv[1:]
body = {{"host": name + "."}} if verb == "remove" else {{"host": name + ".", "value": value}}
path = {{"add": "set-txt", "remove": "clear-txt"}}[verb]
urllib.request.urlopen("http://{HOST}:{self.management}/" + path, json.dumps(body).encode())
open({str(log)!r}, "a").write(f"{{verb}} {{name}}\\n")
""")
        path.chmod(0o755)


class Pebble:
    """pebble, which looks at names on the ports of a daemon."""

    def __init__(self, folder, names, http_port, tls_port, external=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.names, self.port, self.management = names, free_port(), free_port()
        # Who vouches for pebble's own server; what it issues is another matter.
        self.certificate = self.folder / "ca.pem"
        key, own = self.folder / "key.pem", self.folder / "certificate.pem"
        self.make_certificate(key, own)
        config = {
            "listenAddress": f"{HOST}:{self.port}",
            "managementListenAddress": f"{HOST}:{self.management}",
            "certificate": str(own), "privateKey": str(key),
            "httpPort": http_port, "tlsPort": tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": external,
        }
        if external:
            config["externalAccountMACKeys"] = {EXTERNAL_ID: EXTERNAL_KEY}
        (self.folder / "config.json").write_text(json.dumps({"pebble": config}))

    def make_certificate(self, key, own):
        folder = self.folder
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=authority",
                "-keyout", folder / "ca.key", "-out", self.certificate)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=pebble", "-keyout", key,
                "-out", folder / "request.pem")
        extensions = folder / "extensions"
        extensions.write_text(f"subjectAltName=IP:{HOST}")
        openssl("x509", "-req", "-in", folder / "request.pem", "-CA", self.certificate, "-CAkey",
                folder / "ca.key", "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out",
                own)

    @property
    def directory(self):
        return f"https://{HOST}:{self.port}/dir"

    def __enter__(self):
        self.log = open(self.folder / "log", "wb")
        # One nonce in ten is refused, as it may be; nobody is looked at again. Six in a row, which end an
        # attempt for minutes, are for chance to bring once in thousands of runs.
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "10",
                       "PEBBLE_AUTHZREUSE": "0"}
        self.process = subprocess.Popen(
            ["pebble", "-config", self.folder / "config.json", "-dnsserver",
             f"{HOST}:{self.names.port}"],
            stdout=self.log, stderr=self.log, env=environment)
        wait_for(lambda: listens(self.port) and listens(self.management), f"pebble ({self.text()})")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def text(self):
        return self.whole_text()[-3000:]

    def whole_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def trust(self):
        """Who believes what it issued, and nobody else."""
        context = ssl.create_default_context(cafile=self.certificate)
        url = f"https://{HOST}:{self.management}/roots/0"
        with urllib.request.urlopen(url, context=context) as answer:
            root = answer.read().decode()
        return ssl.create_default_context(cadata=root)
