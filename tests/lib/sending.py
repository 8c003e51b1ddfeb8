"""Messages for other servers, as the tests of a daemon that is killed or loses its disk need them."""

import smtplib

from daemon import JULIE, PASSWORDS, parse_json

DESTINATIONS = 5


def spool(server, count):
    """Hands messages in; quickstart has nothing sent yet."""
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=120) as connection:
        connection.login(JULIE, PASSWORDS[JULIE])
        for number in range(count):
            text = (f"From: {JULIE}\r\nSubject: {number}\r\nX-Name: m{number}\r\n\r\n"
                    + "Hello.\r\n" * (number % 50))
            connection.sendmail(JULIE, f"x@d{number % DESTINATIONS}.test", text)


def route(server, port):
    """Has the daemon send everything to a port of this machine, from its next start on."""
    text = server.config.read_text()
    text = text.replace("enabled = false\n", "", 1)
    server.config.write_text(
        f'{text}\n[[route]]\ndomain = "*"\nhost = "127.0.0.1:{port}"\ntls = "never"\n')


def waiting(server):
    """How many messages are in the queue."""
    return parse_json(server.cli("queue", "stats", "--json"))["messages"]
