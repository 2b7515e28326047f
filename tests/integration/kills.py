"""The kill -9 matrix: at each of the 13 points of the contribution, each of the four processes.

A point is reached and held there: the message of that step is late at its sender, and while it is on its way the
process is killed and started again. UEs must be served again within 5 seconds, no key may come twice, and no NAS COUNT
is used twice: whoever hears one again says so.

usage: kills.py [--only TEXT] [--list]"""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter

from campaign import SCALE, Campaign, other_cells
from keyhop import KeyhopError, wait_until

HOLD_MS = 250
LIMIT_S = 5.0
VICTIMS = ("mme", "source", "target", "ue")
# step, message that is held, who sends it, what makes it flow. Steps 1 and 6a are local: the message that follows.
POINTS = [
    ("1", "s1.s1_setup_request", "target", "drop"),
    ("2", "2", "mme", "rotate"),
    ("3", "3", "source", "list"),
    ("4", "4", "mme", "list"),
    ("5", "5", "mme", "list"),
    ("6", "6", "ue", "measure"),
    ("7", "7", "source", "handover"),
    ("8", "8", "target", "handover"),
    ("9", "9", "source", "handover"),
    ("10", "10", "ue", "handover"),
    ("11", "11", "target", "handover"),
    ("12", "12", "target", "handover"),
    ("13", "13", "mme", "handover"),
]
# What is another way with location_update: source.
SOURCE_POINTS = [
    ("11", "11", "target", "handover"),
    ("12", "12", "source", "handover"),
    ("13", "13", "mme", "handover"),
    ("13 on X2", "x2.new_key_list", "source", "handover"),
]


def cases(points=POINTS):
    return [(f"{step}-{victim}", message, sender, trigger, victim)
            for step, message, sender, trigger in points for victim in VICTIMS]


class Runner:
    def __init__(self, campaign):
        self.c = campaign
        self.imsi = campaign.imsi

    # What makes the message of a point flow; nobody waits for its outcome.
    def drop(self, source, target):
        self.c.node("mme").call("enb.drop", enb=f"enb{target}")

    def rotate(self, source, target):
        self.c.node("mme").call("enbkey.rotate", enb=f"enb{target}")

    def list(self, source, target):
        self.c.enb(source).call("wraplist.request", ue=self.imsi)

    def measure(self, source, target):
        self.c.node("ue").call("measure", ue=self.imsi, cells={f"enb{source}": -100, f"enb{target}": -80})

    def handover(self, source, target):
        self.c.enb(source).call("handover.start", ue=self.imsi, target=f"enb{target}")

    def restart(self, name):
        """kill -9 and start; the time of the start."""
        self.c.watch.pop(name).close()
        self.c.lab.stop_node(name, signal.SIGKILL)
        self.c.lab.start_node(name)
        started = time.monotonic()
        self.c.subscribe(name)
        return started

    def served(self):
        """Every UE is served, and its user data goes there and back."""
        try:
            return all(self.c.serving(imsi) == self.c.ping(imsi) for imsi in self.c.lab.imsis)
        except KeyhopError:
            return False

    def run(self, message, sender, trigger, victim):
        source = self.c.settle(self.imsi)
        target = other_cells(self.c, source)[0]
        names = {"mme": "mme", "ue": "ue", "source": f"enb{source}", "target": f"enb{target}"}
        before = self.c.last_event(names[sender])
        self.c.fault(names[sender], fault="delay", message=message, count=1, delay_ms=HOLD_MS)
        getattr(self, trigger)(source, target)
        self.c.wait_fired(names[sender], before)
        started = self.restart(names[victim])
        wait_until(self.c.watch.values(), self.served, LIMIT_S * SCALE, "UEs served again")
        took = time.monotonic() - started
        self.c.clear()
        self.c.associated()
        self.c.settle_all()
        cell = self.c.serving(self.imsi)
        outcome, data = self.c.handover(self.imsi, cell, other_cells(self.c, cell)[0])
        if outcome != "completed":
            raise TimeoutError(f"the next handover: {outcome} {data}")
        self.check_counts()
        return took

    def check_counts(self):
        """A COUNT that comes again is one that its receiver has had, or one that it takes for a forgery. Only evidence
        comes twice to the MME: in a 12 that was not answered."""
        for name, causes in (("mme", ("bad-nas-mac",)), ("ue", ("nas-replay", "bad-nas-mac"))):
            refused = self.c.node(name).call("metrics.get")["refused"]
            again = {cause: refused[cause] for cause in causes if refused[cause]}
            if again:
                raise TimeoutError(f"{name} heard a NAS COUNT again: {again}")


# Keys that are fresh each time a node comes to hold one: which node's lines must not repeat.
FRESH = {"mme": ("h_key", "kenb", "mme_enb_key", "kasme", "k_nas_enc", "k_nas_int"),
         "ue": ("h_key", "kenb", "kasme", "k_nas_enc", "k_nas_int", "k_rrc_enc", "k_rrc_int", "k_up_enc"),
         "enb": ("kenb", "mme_enb_key", "k_rrc_enc", "k_rrc_int", "k_up_enc")}


def repeated_keys(lab):
    """Lines of keylogs that say that a fresh key came twice."""
    found = []
    for name in lab.names():
        kinds = FRESH.get(name, FRESH["enb"])
        lines = (lab.path / f"{name}.keylog").read_text().splitlines()
        keys = Counter((line.split()[0], line.split()[-1]) for line in lines if line.split()[0] in kinds)
        found += [f"{name}: {kind} {count} times" for (kind, _), count in keys.items() if count > 1]
    return found


def run_all(wanted, path, ues=3, report=print, mme=None):
    failed = {}
    campaign = Campaign(path, enbs=2, ues=ues, mme=mme)
    runner = Runner(campaign)
    for name, *case in wanted:
        try:
            took = runner.run(*case)
            report(f"ok    {name} served again after {took:.2f} s")
        except (TimeoutError, KeyhopError) as e:
            failed[name] = str(e)
            report(f"FAIL  {name}: {e}\n" + "\n".join(campaign.lab.tail(n, 25) for n in campaign.lab.names()))
            failed |= {later[0]: "not tried" for later in wanted[wanted.index((name, *case)) + 1:]}
            break
    for text in repeated_keys(campaign.lab):
        failed[text] = "a key came twice"
        report(f"FAIL  {text}")
    for name, code in campaign.close().items():
        if code != 0:
            failed[name] = f"ended with {code}\n{campaign.lab.tail(name, 40)}"
            report(f"FAIL  {failed[name]}")
    return failed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="")
    p.add_argument("--list", action="store_true")
    a = p.parse_args()
    wanted = [c for c in cases() if a.only in c[0]]
    if a.list:
        print("\n".join(c[0] for c in wanted))
        return 0
    with tempfile.TemporaryDirectory(prefix="kh") as path:
        failed = run_all(wanted, path)
    print(f"{len(wanted) - len(failed)} of {len(wanted)} kills survived")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
