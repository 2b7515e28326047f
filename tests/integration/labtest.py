"""What the integration tests share: the lab of scripts/lab.py in a folder of its own."""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from keyhop import KeyhopError, Node  # noqa: E402,F401
from lab import Lab  # noqa: E402


class LabTest(unittest.TestCase):
    """self.lab(...) makes a lab that ends with the test; every daemon must end with 0."""

    def lab(self, start=True, **options):
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        lab = Lab(folder.name, **options)
        self.addCleanup(self.end, lab)
        return lab.start() if start else lab

    def end(self, lab):
        tails = {name: lab.tail(name, 30) for name in lab.names()}
        for name, code in lab.stop().items():
            self.assertEqual(code, 0, f"{name}:\n{tails[name]}\n{lab.tail(name, 60)}")

    def refused(self, node, cause):
        return node.call("metrics.get")["refused"][cause]

    def named(self, name, call, *args, **params):
        with self.assertRaises(KeyhopError) as caught:
            call(*args, **params)
        self.assertEqual(caught.exception.name, name)


def has_sctp_udp():
    """Does this build have libusrsctp?"""
    mmed = Path(os.environ.get("KEYHOP_BUILD") or ROOT / "build") / "mmed" / "mmed"
    return "libusrsctp" in subprocess.run(["ldd", str(mmed)], capture_output=True, text=True).stdout


def raw(address, port, octets):
    """Sends octets, then reads until the peer closes or nothing more comes."""
    with socket.create_connection((address, port), timeout=10) as s:
        s.sendall(octets)
        s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            data = s.recv(65536)
            if not data:
                return out
            out += data


def frame(message):
    return struct.pack(">I", len(message)) + message
