"""Random walks (walk.py): one short one with a new seed each time, 20 long ones in the long run."""

import random
import unittest

import walk
from campaign import LONG

SEEDS = range(1, 21)


class Walks(unittest.TestCase):
    def test_walks(self):
        seeds = SEEDS if LONG else [random.SystemRandom().randrange(1 << 32)]
        for seed in seeds:
            with self.subTest(seed=seed):
                try:
                    print(f"seed {seed}: {walk.walk(seed, 10000 if LONG else 600)}", flush=True)
                except walk.Broken as e:
                    self.fail(f"walk.py --seed {seed}: {e}")


if __name__ == "__main__":
    unittest.main()
