"""Puts sessions of a program that speaks IMAP4rev1 alone under IMAP4rev2.

Every session that signs in is sent ENABLE IMAP4rev2 on the program's behalf. What a SEARCH without
RETURN then answers (RFC 9051 §7.3.4) is given back in the old form, so that scripts written for
IMAP4rev1 can compare it; all else passes as it is.
"""

import re
import socket
import threading

TAG = b"imaptest-rev2"


def expanded(numbers):
    """`1,3:5` as `1 3 4 5`."""
    found = []
    for part in numbers.split(b","):
        first, _, last = part.partition(b":")
        found += range(min(int(first), int(last or first)), max(int(first), int(last or first)) + 1)
    return b" ".join(b"%d" % number for number in sorted(found))


class Session:
    """One connection of the program and the one to the server that it stands for."""

    def __init__(self, client, port):
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", port))
        self.plain_searches = set()

    def run(self):
        threading.Thread(target=self.answers, daemon=True).start()
        signed_in = False
        while data := self.client.recv(65536):
            for command in re.findall(rb"(?m)^(\S+) (?:UID )?SEARCH (?!RETURN)", data, re.I):
                self.plain_searches.add(command)
            self.server.sendall(data)
            if not signed_in and re.match(rb"\S+ LOGIN ", data, re.I):
                signed_in = True
                self.server.sendall(TAG + b" ENABLE IMAP4rev2\r\n")
        self.server.shutdown(socket.SHUT_RDWR)

    def answers(self):
        try:
            for line in self.server.makefile("rb"):
                if not line.startswith((TAG, b"* ENABLED IMAP4rev2")):
                    self.client.sendall(self.translated(line))
            self.client.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The program left first.
            pass

    def translated(self, line):
        found = re.match(rb'\* ESEARCH \(TAG "([^"]*)"\)(?: UID)?(?: ALL (\S+))?\r\n$', line)
        if not found or found.group(1) not in self.plain_searches:
            return line
        numbers = expanded(found.group(2)) if found.group(2) else b""
        return b"* SEARCH" + (b" " + numbers if numbers else b"") + b"\r\n"


def start(port):
    """Listens on a port of its own, for as long as this process lives; answers that port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=Session(client, port).run, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
