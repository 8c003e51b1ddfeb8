"""Certificates for foreign servers, from an authority of the tests' own."""

import subprocess


def openssl(*arguments):
    return subprocess.run(
        ["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


def make_authority(folder):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=authority",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")


def make_certificate(folder, key, certificate, names):
    """Signed by the authority, which follows in the file."""
    request = folder / "request.pem"
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", request)
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
    openssl("x509", "-req", "-in", request, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", certificate)
    certificate.write_text(certificate.read_text() + (folder / "ca.pem").read_text())
