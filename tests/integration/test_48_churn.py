"""UEs that come and go: what they leave behind in any daemon is nothing."""

import tempfile
import unittest

from labtest import LabTest  # noqa: F401 - first: it finds the others
from campaign import LONG, Campaign
from walk import attach, books, compare
from kills import repeated_keys

UES = 50


class Churn(unittest.TestCase):
    def test_attach_and_detach(self):
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            c = Campaign(path, enbs=2, ues=UES)
            try:
                for _ in range(3):  # pools and hash tables grow to their size
                    books(c)
                    attach(c)
                before = books(c)
                for _ in range((10000 if LONG else 500) // UES):
                    attach(c)
                    after = books(c)
                compare(before, after)
                self.assertEqual(repeated_keys(c.lab), [])
            finally:
                codes = c.close()
            self.assertEqual(set(codes.values()), {0})


if __name__ == "__main__":
    unittest.main()
