"""The state machines as they were agreed on: a changed table shows as a difference, and can be drawn."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from labtest import ROOT

BUILD = Path(os.environ["KEYHOP_BUILD"])


class Tables(unittest.TestCase):
    maxDiff = None

    def dump(self, daemon):
        return subprocess.run([BUILD / daemon / daemon, "--dump-fsm"], check=True, capture_output=True, text=True).stdout

    def test_as_agreed(self):
        for daemon in ("mmed", "enbd", "ued"):
            with self.subTest(daemon):
                agreed = (ROOT / "tests/data" / f"fsm_{daemon}.txt").read_text()
                self.assertEqual(self.dump(daemon), agreed)

    def test_drawn_from_the_tables(self):
        for daemon in ("mmed", "enbd", "ued"):
            dot = subprocess.run([sys.executable, ROOT / "scripts/fsm2dot", BUILD / daemon / daemon], check=True,
                                 capture_output=True, text=True).stdout
            self.assertEqual(dot.count("{"), dot.count("}"))
            for line in self.dump(daemon).splitlines():
                if "\tafter\t" not in line:
                    self.assertIn(f'tooltip="{line.split(chr(9))[3]}"', dot)


if __name__ == "__main__":
    unittest.main()
