"""Certificates of servers under test, made by openssl, which has to be there: cresset.need_system(["openssl"], {})."""
import os
import ssl
import subprocess


def make_pair(folder, name, address="127.0.0.1"):
    """A certificate for this address that signs itself, and its key: their paths."""
    paths = [os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}",
                    "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


def trust(*certificates):
    """The context of clients that trust these and what the system trusts."""
    context = ssl.create_default_context()
    for certificate in certificates:
        context.load_verify_locations(certificate)
    return context
