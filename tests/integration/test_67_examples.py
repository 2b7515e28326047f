"""The examples of the manual pages, done as they stand there."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

from labtest import ROOT, LabTest

VOLATILE = {"seq", "ts", "duration_us"}


def blocks(page):
    """Texts of the literal blocks of a page's source."""
    found = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", (ROOT / "conf" / "man" / page).read_text(), re.M | re.S)
    return [text.replace("\\e", "\\").replace("\\-", "-") for text in found]


def steady(value):
    """The same without the values that differ each time, but for their types."""
    if isinstance(value, dict):
        return {k: type(v) if k in VOLATILE else steady(v) for k, v in value.items()}
    return [steady(v) for v in value] if isinstance(value, list) else value


class Control(LabTest):
    def setUp(self):
        self.dialogue, self.shell, self.python = blocks("keyhop-control.7.in")

    def start(self):
        """A lab whose sockets are in a folder `run`, as the examples have it."""
        lab = self.lab(enbs=2, transport="tcp")
        lab.attach_all()
        (lab.path / "run").mkdir()
        for name in lab.names():
            (lab.path / "run" / f"{name}.sock").symlink_to(lab.socket_path(name))
        enb1 = lab.node("enb1")
        enb1.subscribe(since=0, topics=["nas.", "wraplist."])
        enb1.wait_event(lambda e: e["topic"] == "wraplist.received")
        return lab

    def test_dialogue(self):
        lab = self.start()
        lines = re.sub(r"\n +", "", self.dialogue).splitlines()
        self.assertGreater(len(lines), 7)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(lab.socket_path("enb1")))
            with s.makefile("rb") as said:
                for line in lines:
                    if line.startswith("> "):
                        json.loads(line[2:])
                        s.sendall(line[2:].encode() + b"\n")
                    else:
                        self.assertTrue(line.startswith("< "), line)
                        self.assertEqual(steady(json.loads(said.readline())), steady(json.loads(line[2:])))

    @unittest.skipUnless(shutil.which("socat"), "socat is not installed")
    def test_shell(self):
        lab = self.start()
        done = subprocess.run(["sh", "-euc", self.shell], capture_output=True, text=True, timeout=30, cwd=lab.path)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([a.get("method") for a in answers], ["hello", None], done.stderr)
        self.assertEqual(answers[1]["result"]["node"], "mme")

    def test_python(self):
        lab = self.start()
        subprocess.run([sys.executable, "-c", self.python], check=True, timeout=60, cwd=lab.path,
                       env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")})
        self.assertEqual(lab.node("ue").call("ue.show", ue=lab.imsis[0])["serving"], 2)


class Configuration(LabTest):
    def check(self, lab, daemon, *files):
        return subprocess.run([str(lab.program(daemon)), *(w for f in files for w in ("-c", f)), "--check"], capture_output=True,
                              text=True, timeout=30, cwd=lab.path)

    def test_samples_pass_the_check(self):
        lab = self.lab(enbs=2, start=False)
        lab.prepare()
        listeners, two_paths, enb = blocks("keyhop.yaml.5.in")
        (lab.path / "sample.yaml").write_text(enb)
        done = self.check(lab, "enbd", "sample.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        for daemon, base, text in (("mmed", "mme.yaml", listeners), ("enbd", "enb1.yaml", two_paths)):
            (lab.path / "sample.yaml").write_text(text)
            done = self.check(lab, daemon, base, "sample.yaml")
            # A kernel may lack SCTP; that is all that may be wrong.
            if done.returncode:
                self.assertRegex(done.stderr, r"sample.yaml:1:\d+: (s1\.listen|mme\.address): .*SCTP")


if __name__ == "__main__":
    unittest.main()
