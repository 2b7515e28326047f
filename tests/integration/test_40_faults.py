"""The single-fault matrix (faults.py): a sample of its cases, all of them in the long run."""

import tempfile
import unittest

import faults
from campaign import LONG

SAMPLE = 6  # every so many cases; coprime to the number of faults, so that each fault is among them


class Faults(unittest.TestCase):
    def test_matrix(self):
        cases = faults.cases()
        self.assertGreaterEqual(len(cases), 200)
        self.assertEqual(len({c.name for c in cases}), len(cases))
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            failed = faults.run_all(cases if LONG else cases[::SAMPLE], path, report=lambda text: None)
        self.assertEqual(failed, {})

    def test_matrix_where_the_source_sends_12(self):
        cases = faults.cases(faults.SOURCE_FLOWS)
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            failed = faults.run_all(cases if LONG else cases[::SAMPLE], path, report=lambda text: None,
                                    mme={"location_update": "source"})
        self.assertEqual(failed, {})


if __name__ == "__main__":
    unittest.main()
