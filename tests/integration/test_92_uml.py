"""scripts/uml: a command in a guest. Skipped, with the reason, where a guest cannot start."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from labtest import ROOT
from uml import UNAVAILABLE, Guest, Unavailable, find_kernel

NOBODY = 65534
UML = ROOT / "scripts" / "uml.py"
PYTHON = shutil.which("python3", path="/usr/bin") or sys.executable  # one that everybody may run


def guests(mark):
    """Processes of guests that were started with this folder in their environment."""
    out = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and f"KEYHOP_MARK={mark}\0".encode() in (process / "environ").read_bytes():
                out.add(int(process.name))
        except OSError:
            continue
    return out


def can_read_as_nobody():
    return not subprocess.run(["test", "-r", str(UML)], user=NOBODY, group=NOBODY, extra_groups=[]).returncode


class Uml(unittest.TestCase):
    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def need_kernel(self):
        try:
            find_kernel()
        except Unavailable as e:
            self.skip(str(e))

    def skip(self, reason):
        print(f"skipped: {reason}", flush=True)
        self.skipTest(reason)

    def test_a_guest_that_cannot_start_says_why(self):
        self.need_kernel()
        folder = self.folder()
        kernel = folder / "linux.uml"
        kernel.write_text("#!/bin/sh\necho 'check_ptrace : ptrace failed: EPERM' >&2\nexit 1\n")
        kernel.chmod(0o755)
        done = subprocess.run([sys.executable, str(UML), "true"], capture_output=True, text=True,
                              env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn("does not start: check_ptrace : ptrace failed: EPERM", done.stderr)
        done = subprocess.run([sys.executable, str(UML)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        with self.assertRaises(Unavailable):
            Guest(["true"], writable=folder / "a,b").mounts()

    def test_ends_what_does_not_end(self):
        """As nobody in particular: output, files, and what a guest may and may not do."""
        self.need_kernel()
        folder = self.folder()
        as_nobody = {}
        if os.geteuid() == 0 and can_read_as_nobody():
            os.chown(folder, NOBODY, NOBODY)
            as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        script = ("id -u; echo wrong >&2; touch here; touch /no 2>no; grep -c '^sctp ' /proc/modules; "
                  "python3 -c 'import socket; socket.socket(2, 1, 132).listen()' && echo listens; exec sleep 1000")
        guest = subprocess.Popen([PYTHON, str(UML), "--bound", "3", "--", "sh", "-c", script], cwd=folder,
                                 env=os.environ | {"KEYHOP_MARK": str(folder)},
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **as_nobody)
        out, err = guest.communicate()
        if guest.returncode == UNAVAILABLE:
            self.skip(err)
        self.assertEqual(guest.returncode, 124, err)
        self.assertEqual(out, "0\n1\nlistens\n")
        self.assertEqual(err, "wrong\nscripts/uml: sh did not end in 3 s\n")
        self.assertEqual((folder / "here").stat().st_uid, NOBODY if as_nobody else os.geteuid())
        self.assertIn("Read-only", (folder / "no").read_text())
        self.assertEqual(guests(folder), set())

    def test_ends_a_guest_that_hangs(self):
        self.need_kernel()
        folder = self.folder()
        with mock.patch.dict(os.environ, KEYHOP_MARK=str(folder)), mock.patch("uml.BOOT_S", 0.5):
            with self.assertRaisesRegex(Unavailable, "does not start in 0.5 s"):
                Guest(["true"], writable=folder).run(None)
        self.assertEqual(guests(folder), set())


if __name__ == "__main__":
    unittest.main()
