"""What hostile clients of the control sockets cost a handover: medians of paired rounds, quiet and disturbed.

    python3 tests/bench/clients.py [--rounds N] [--handovers N]
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from lab import Lab  # noqa: E402

REQUEST = b'{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}\n'


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(0.5)
    s.connect(str(path))
    return s


class NeverReads:
    """Subscribes to everything, asks for long lists, and reads nothing."""

    def __init__(self, paths):
        self.sockets = [connect(p) for p in paths]
        for s in self.sockets:
            s.sendall(REQUEST % (1, b"events.subscribe", b'{"since":0}'))

    def turn(self):
        for s in self.sockets:
            try:
                s.sendall(REQUEST % (2, b"schema.list", b"{}"))
            except OSError:
                pass

    def close(self):
        for s in self.sockets:
            s.close()


class LongLine(NeverReads):
    """10 MiB without an end of line, again and again."""

    def __init__(self, paths):
        self.paths, self.sockets = paths, []

    def turn(self):
        for path in self.paths:
            with connect(path) as s:
                try:
                    for _ in range(160):
                        s.sendall(b"x" * 65536)
                except OSError:
                    pass


class Many(NeverReads):
    """64 clients on every node; each asks and reads its answer."""

    def __init__(self, paths):
        self.sockets = [connect(p) for p in paths for _ in range(64)]
        for s in self.sockets:
            s.recv(65536)

    def turn(self):
        for s in self.sockets:
            try:
                s.sendall(REQUEST % (1, b"ping", b"{}"))
            except OSError:
                continue
        for s in self.sockets:
            try:
                s.recv(65536)
            except OSError:
                continue


class Killed(LongLine):
    """Leaves in the middle of a request, and with an answer on its way."""

    def turn(self):
        for path in self.paths:
            with connect(path) as s:
                s.sendall(REQUEST % (1, b"events.subscribe", b"{}") + b'{"jsonrpc":"2.0","id":2,"met')


def medians(lab, n):
    """Of `n` handovers between two cells, by the source's own clock."""
    imsi, took = lab.imsis[0], []
    for i in range(n):
        names = ("enb1", "enb2") if i % 2 == 0 else ("enb2", "enb1")
        took.append(lab.node(names[0]).call("handover.start", ue=imsi, target=names[1], wait=True)["duration_us"])
        ue = lab.node("ue")
        ue.wait_event(lambda e: e["topic"] == "handover.executed")
    return statistics.median(took)


def disturbed(lab, kind, n):
    attack = kind([lab.socket_path(name) for name in lab.names()])
    ended = threading.Event()
    turns = 0

    def go_on():
        nonlocal turns
        while not ended.is_set():
            attack.turn()
            turns += 1
            time.sleep(0.01)  # a client, not a processor hog

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        return medians(lab, n), turns
    finally:
        ended.set()
        thread.join()
        attack.close()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--handovers", type=int, default=100, help="of a round, an even number")
    a = p.parse_args()
    n = a.handovers + a.handovers % 2
    print(f"{'client':12} {'quiet us':>9} {'with us':>9} {'more us':>9} {'ratio':>6}   median of {a.rounds} rounds of {n}")
    with tempfile.TemporaryDirectory(prefix="kh") as folder, Lab(folder, enbs=2) as lab:
        lab.start()
        lab.attach_all()
        lab.node("ue").subscribe(topics=["handover.executed"])
        medians(lab, n)
        for kind in (NeverReads, LongLine, Many, Killed):
            pairs = [(medians(lab, n), disturbed(lab, kind, n)[0]) for _ in range(a.rounds)]
            quiet, with_it = (statistics.median(c) for c in zip(*pairs))
            print(f"{kind.__name__:12} {quiet:9.0f} {with_it:9.0f} {with_it - quiet:9.0f} {with_it / quiet:6.2f}",
                  flush=True)
        print(json.dumps({"clients_left": lab.node("mme").call("status").get("control_clients")}))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("KEYHOP_BUILD", str(Path(__file__).resolve().parent.parent.parent / "build"))
    sys.exit(main())
