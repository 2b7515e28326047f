"""The kernel's SCTP in a guest (guest_checks.py), and what tshark says of the captures from there. Skipped, with the
reason, where a guest cannot start."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import guest_checks
from campaign import LONG
from labtest import ROOT
from uml import Guest, Unavailable

BUILD = Path(os.environ.get("KEYHOP_BUILD") or ROOT / "build")
TOOL = BUILD / "ctl" / "keyhop"
HERE = Path(__file__).resolve().parent
BOUND_S = 3000 if LONG else 300
BAD = "_ws.malformed || _ws.lua.error || keyhop.frame_too_long"


def is_sanitized():
    return b"__asan_init" in (BUILD / "mmed" / "mmed").read_bytes()


def make_keys(folder):
    """Keys and certificates that the labs in the guest take over: the openssl command is slow there."""
    enbs = [["issue", "enb", f"enb{n}", "00101", str(n)] for n in range(1, 5)]
    for words in (["init"], ["issue", "mme", "mme"], *enbs):
        subprocess.run([ROOT / "scripts/pki", folder, *words], check=True, capture_output=True)


class KernelSctp(unittest.TestCase):
    """One guest for all. A test for each check in it is added below."""

    @classmethod
    def setUpClass(cls):
        if is_sanitized():
            cls.skip("sanitizers need more address space than a guest's processes have")
        folder = tempfile.TemporaryDirectory(prefix="kh")
        cls.addClassCleanup(folder.cleanup)
        cls.out = Path(folder.name)
        make_keys(cls.out / "pki")
        environment = {"KEYHOP_GUEST_OUT": str(cls.out), "KEYHOP_LAB_PKI": str(cls.out / "pki"),
                       "KEYHOP_TIME_SCALE": os.environ.get("KEYHOP_TIME_SCALE", "2")}
        guest = Guest(["python3", HERE / "guest_checks.py"], cls.out, bound=BOUND_S, environment=environment)
        said = bytearray()
        try:
            guest.run(lambda fd, data: said.extend(data))
        except Unavailable as e:
            cls.skip(str(e))
        finally:
            print(said.decode(errors="replace"), flush=True)
        lines = (cls.out / "results.ndjson").read_text().splitlines()
        cls.results = {result["check"]: result for result in map(json.loads, lines)}

    @classmethod
    def skip(cls, reason):
        print(f"skipped: {reason}", flush=True)
        raise unittest.SkipTest(reason)

    def tshark(self, capture, *options):
        """Lines that tshark prints, with the plugin that `keyhop wireshark --user` installs."""
        if not shutil.which("tshark"):
            self.skip("no tshark (Debian: tshark)")
        home = self.out / "home"
        env = os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        if not home.exists():
            home.mkdir()
            subprocess.run([TOOL, "wireshark", "--user"], env=env, check=True, capture_output=True)
        done = subprocess.run(["tshark", "-r", capture, "-o", "sctp.checksum:CRC 32c", *options], env=env,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def decoded(self, run, carried, *options):
        """{interface: steps} of what is `carried` so; every checksum is right."""
        capture = self.out / run / "lan.pcap"
        status = self.tshark(capture, "-Y", carried, "-T", "fields", "-e", "sctp.checksum.status")
        self.assertGreater(len(status), 50)
        self.assertEqual(set(status), {"1"}, f"{carried}: 1 is a good CRC32c")
        self.assertEqual(self.tshark(capture, *options, "-Y", f"({carried}) && ({BAD})"), [])
        fields = self.tshark(capture, *options, "-Y", f"({carried}) && keyhop", "-T", "fields", "-E", "aggregator=,",
                             "-e", "keyhop.interface", "-e", "keyhop.step")
        steps = {}
        for line in fields:
            interfaces, numbers = (line + "\t").split("\t")[:2]
            for interface in set(interfaces.split(",")):
                steps.setdefault(interface, set()).update(int(n) for n in numbers.split(",") if n)
        return steps

    def all_steps(self, steps, s1=frozenset((2, 5, 12, 13))):
        """Uu is ciphered by PDCP, whatever is below."""
        self.assertEqual(set(steps), {"S1", "X2", "Uu"})
        self.assertLessEqual(s1, steps["S1"])
        self.assertLessEqual({7, 8, 11}, steps["X2"])

    def test_tshark_in_clear(self):
        """S1 of enb1 is SCTP in UDP, S1 of enb3 is SCTP in IP."""
        self.all_steps(self.decoded("clear", "sctp"), {2, 3, 4, 5, 12, 13})
        self.assertIn("S1", self.decoded("clear", "sctp && udp"))
        self.assertIn("S1", self.decoded("clear", "sctp && !udp"))

    def opened(self, capture, *keylogs):
        words = [w for keylog in keylogs for w in ("--keylog", keylog)]
        done = subprocess.run([TOOL, "decrypt", capture, *words, "-o", self.out / "opened.pcapng"], check=True,
                              capture_output=True, text=True)
        return done.stdout.strip().split("opened: ")[1]

    def test_merge_and_decrypt(self):
        """The keylogs of a node open in what was on the wire what they open in the nodes' own captures."""
        run = self.out / "clear"
        merged = self.out / "merged.pcapng"
        done = subprocess.run([TOOL, "merge", *sorted(run.glob("*.pcapng")), "-o", merged], check=True,
                              capture_output=True, text=True)
        once, both = (int(n) for n in re.findall(r"\d+", done.stdout))
        self.assertEqual(once, both, "packets, seen by both ends")
        seen = {keylog.stem: self.opened(merged, keylog) for keylog in sorted(run.glob("*.keylog"))}
        self.assertEqual(set(seen), {"mme", "enb1", "enb3", "ue"})
        for name, what in seen.items():
            self.assertEqual(self.opened(run / "lan.pcap", run / f"{name}.keylog"), what, name)
            self.assertRegex(what, r"[1-9]\d* (RRC|NAS) messages", name)
        print(f"opened by keylogs: {seen}", flush=True)

    def test_tshark_with_tls(self):
        secrets = self.out / "tls.keys"
        secrets.write_text("".join(file.read_text() for file in sorted((self.out / "mixed").glob("*.tls.keylog"))))
        opened = ["-o", f"tls.keylog_file:{secrets}"]
        for carried in ("sctp && udp", "sctp && !udp"):
            steps = self.decoded("mixed", carried, *opened)
            again = self.tshark(self.out / "mixed" / "lan.pcap", "-Y", f"({carried}) && sctp.retransmission")
            if again and steps.get("X2", set()) < {7, 8, 11}:
                # A guest that was kept waiting sends chunks again, and then tshark may lose the TLS stream.
                print(f"left out: {carried} with TLS: {len(again)} chunks were sent again", flush=True)
                continue
            self.all_steps(steps)
        without = self.decoded("mixed", "sctp")
        self.assertNotIn("S1", without)
        self.assertNotIn("X2", without)


def add(check):
    def test(self):
        result = self.results.get(check)
        self.assertIsNotNone(result, "it did not come to that: see above")
        self.assertEqual(result["result"], "ok", result["text"])

    setattr(KernelSctp, f"test_{check.replace('.', '_')}", test)


for name in guest_checks.names():
    add(name)

if __name__ == "__main__":
    unittest.main()
