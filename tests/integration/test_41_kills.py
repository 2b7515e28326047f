"""The kill -9 matrix (kills.py): a sample, all of it in the long run."""

import tempfile
import unittest

import kills
from campaign import LONG

SAMPLE = ("2-mme", "5-mme", "7-source", "8-target", "9-ue", "10-target", "11-source", "12-mme", "13-ue")


class Kills(unittest.TestCase):
    def test_matrix(self):
        cases = kills.cases()
        self.assertEqual(len(cases), 13 * 4)
        wanted = cases if LONG else [c for c in cases if c[0] in SAMPLE]
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            self.assertEqual(kills.run_all(wanted, path, report=lambda text: None), {})

    def test_matrix_where_the_source_sends_12(self):
        cases = kills.cases(kills.SOURCE_POINTS)
        wanted = cases if LONG else [c for c in cases if c[0].endswith("-source")]
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            failed = kills.run_all(wanted, path, report=lambda text: None, mme={"location_update": "source"})
        self.assertEqual(failed, {})


if __name__ == "__main__":
    unittest.main()
