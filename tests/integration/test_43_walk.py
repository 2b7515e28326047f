"""Random walks (walk.py): one short one with a new seed each time, 20 long ones in the long run."""

import json
import random
import socket
import tempfile
import threading
import unittest

import walk
from campaign import LONG
from keyhop import Node, having_news

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


def two_answers_at_once(listener):
    """A daemon that answers the second of two requests, and in the same breath the first."""
    conn, _ = listener.accept()
    with conn, conn.makefile("r") as requests:
        conn.sendall(b'{"method": "hello", "params": {}}\n')
        ids = [json.loads(requests.readline())["id"] for _ in range(2)]
        conn.sendall("".join(json.dumps({"id": i, "result": i}) + "\n" for i in reversed(ids)).encode())
        requests.readline()


class Waiting(unittest.TestCase):
    def test_answer_that_came_with_another(self):
        with tempfile.TemporaryDirectory(prefix="kh") as path, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{path}/s")
            listener.listen()
            daemon = threading.Thread(target=two_answers_at_once, args=[listener])
            daemon.start()
            with Node(f"{path}/s") as node:
                first, second = node.send("slow"), node.send("quick")
                self.assertEqual(node.answer(second), second)
                self.assertEqual(having_news([node], 5), [node])
                node.pump()
                self.assertEqual(node.answer(first), first)
            daemon.join()


if __name__ == "__main__":
    unittest.main()
