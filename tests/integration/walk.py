"""A random walk: UEs move between cells while single messages are lost, late, doubled, changed or cut; now and then a
cell releases one, which attaches again while such things happen.

Invariants: UE, serving cell and MME agree; no other cell holds a context; no key comes twice; at the end contexts,
descriptors and heap are back where they began. A seed names the sequence of moves and faults.

usage: walk.py [--seed S] [-n HANDOVERS] [--cells N] [--ues N] [--faults PERCENT]"""

import argparse
import random
import sys
import tempfile
import time

from campaign import SCALE, Campaign
from keyhop import KeyhopError, having_news, wait_until
from kills import repeated_keys

IN_FLIGHT = 8
ANSWERS_S = 60 * SCALE
RELEASES_FEWER = 5  # than faults
HEAP_SLACK = 64 * 1024  # hash tables keep their buckets
MESSAGES = {
    "mme": [("5", "tx"), ("13", "tx"), ("4", "tx"), ("3", "rx"), ("12", "rx")],
    "enb": [("7", "tx"), ("8", "tx"), ("9", "tx"), ("11", "tx"), ("12", "tx"), ("7", "rx"), ("8", "rx"), ("10", "rx"),
            ("11", "rx"), ("13", "rx"), ("3", "tx"), ("4", "rx"), ("x2.handover_cancel", "tx"),
            ("x2.handover_failure", "tx"), ("rrc.handover_confirm_ack", "tx"), ("x2.handover_cancel_ack", "tx")],
    "ue": [("10", "tx"), ("9", "rx"), ("rrc.dl_information_transfer", "rx"), ("rrc.handover_confirm_ack", "rx")],
}
KINDS = ("drop", "delay", "duplicate", "reorder", "corrupt", "truncate", "replay")


NAMES_THE_UE = "s1.initial_context_setup_request"  # damaged, the cell has a UE of another name
# Of a release and an attach; these are set before a release, so that it or the attach after it meets them.
ATTACH_MESSAGES = {
    "mme": [("s1.downlink_nas", "tx"), (NAMES_THE_UE, "tx"), ("s1.initial_ue_message", "rx"),
            ("s1.ue_context_release_command", "tx"), ("s1.ue_context_release_complete", "rx")],
    "enb": [("rrc.rrc_connection_setup", "tx"), ("rrc.security_mode_command", "tx"), ("s1.uplink_nas", "tx"),
            ("rrc.rrc_connection_release", "tx"), ("s1.ue_context_release_request", "tx")],
    "ue": [("rrc.rrc_connection_request", "tx"), ("rrc.ul_information_transfer", "tx"),
           ("rrc.dl_information_transfer", "rx"), ("rrc.rrc_reconfiguration", "rx"),
           ("rrc.rrc_connection_release", "rx")],
}


class Broken(Exception):
    pass


class Walk:
    def __init__(self, campaign, seed, faults):
        self.c = campaign
        self.rng = random.Random(seed)
        self.faults = faults
        self.done, self.causes = 0, {}
        self.at = campaign.settle_all(30)
        self.flying = {}  # (node name, request id) -> (imsi, source, target)
        self.lost = set()  # UEs that are looked up before they move again

    def maybe_fault(self):
        if self.rng.random() * 100 < self.faults:
            self.set_fault(MESSAGES)
        if self.rng.random() * 100 < self.faults / RELEASES_FEWER:
            self.release()

    def set_fault(self, messages):
        name = self.rng.choice(self.c.lab.names())
        message, direction = self.rng.choice(messages.get(name, messages["enb"]))
        kinds = [k for k in KINDS if k != "corrupt" or message != NAMES_THE_UE]
        self.c.fault(name, fault=self.rng.choice(kinds), message=message, direction=direction, count=1,
                     delay_ms=self.rng.randint(1, 60))

    def release(self):
        """The cell lets a UE go, perhaps in mid-handover, and something goes wrong when it attaches again."""
        imsi = self.rng.choice(self.c.lab.imsis)
        self.set_fault(ATTACH_MESSAGES)
        try:
            self.c.enb(self.at[imsi]).call("ue.release", ue=imsi)
        except KeyhopError as e:
            if e.name not in ("UE_NOT_FOUND", "BAD_STATE"):
                raise
        self.lost.add(imsi)

    def find(self, imsi):
        """Where a UE is that was lost sight of; None while it is nowhere. One whose cell has let it go unheard learns so
        with what it says."""
        try:
            return self.c.ping(imsi)
        except KeyhopError as e:
            if e.name not in ("BAD_STATE", "DETACHED", "TIMEOUT"):
                raise
            return None

    def start_one(self):
        busy = {imsi for imsi, _, _ in self.flying.values()}
        idle = [i for i in self.c.lab.imsis if i not in busy]
        imsi = self.rng.choice(idle)
        if imsi in self.lost:
            cell = self.find(imsi)
            if not cell:
                return False
            self.at[imsi] = cell
            self.lost.discard(imsi)
        source = self.at[imsi]
        target = self.rng.choice([n for n in range(1, self.c.lab.enbs + 1) if n != source])
        node = f"enb{source}"
        request = self.c.node(node).send("handover.start", ue=imsi, target=f"enb{target}", wait=True)
        self.flying[node, request] = (imsi, source, target)
        return True

    def take_answers(self, timeout):
        for node in having_news({self.c.node(name) for name, _ in self.flying}, timeout):
            node.pump()
        for (name, request), (imsi, _, target) in list(self.flying.items()):
            if request not in self.c.node(name)._answers:
                continue
            del self.flying[name, request]
            self.finish(name, request, imsi, target)

    def finish(self, name, request, imsi, target):
        try:
            self.c.node(name).answer(request)
            self.at[imsi] = target
            self.done += 1
        except KeyhopError as e:
            self.causes[e.name] = self.causes.get(e.name, 0) + 1
            self.lost.add(imsi)

    def run(self, handovers):
        attempts, idle_since = 0, time.monotonic()
        while self.done < handovers:
            while len(self.flying) < min(IN_FLIGHT, len(self.c.lab.imsis)) and attempts < 3 * handovers:
                self.maybe_fault()
                if not self.start_one():
                    break
                attempts += 1
            before = self.done
            self.take_answers(0.2)
            self.c.read_events()
            if self.done > before:
                idle_since = time.monotonic()
            if time.monotonic() - idle_since > 30:
                raise Broken(f"no handover in 30 s after {self.done}; lost {sorted(self.lost)}")
        until = time.monotonic() + ANSWERS_S
        while self.flying:
            if time.monotonic() > until:
                raise Broken(f"no answer in {ANSWERS_S} s to {sorted(self.flying.items())}")
            self.take_answers(5)

    def renew_lists(self):
        """A list whose H_key was lost is made good when it is needed: all are asked for now."""
        for imsi in self.c.lab.imsis:
            try:
                self.c.enb(self.find(imsi) or self.at[imsi]).call("wraplist.request", ue=imsi)
            except KeyhopError as e:
                if e.name not in ("UE_NOT_FOUND", "BAD_STATE", "BUSY"):
                    raise

    def check(self):
        self.c.clear()
        self.renew_lists()
        cells = self.c.settle_all(30)
        for imsi, cell in cells.items():
            if self.c.ping(imsi) != cell:
                raise Broken(f"{imsi}: no user data in enb{cell}")
        repeated = repeated_keys(self.c.lab)
        if repeated:
            raise Broken("; ".join(repeated[:5]))


def books(c):
    """Contexts, descriptors and heap of every node with all UEs detached."""
    ue = c.node("ue")
    for request in [ue.send("detach", ue=imsi, wait=True) for imsi in c.lab.imsis]:
        ue.answer(request, 30)
    # The UEs know it first: the release of the last ones is still on its way.
    held = [n for n in c.lab.names() if n != "ue"]
    try:
        wait_until(c.watch.values(), lambda: not any(c.node(n).call("status")["ues"] for n in held), 10 * SCALE, "")
    except TimeoutError:
        pass  # compare() says where contexts stay behind
    c.read_events()
    out = {}
    for name in c.lab.names():
        status = c.node(name).call("status")
        contexts = status["ues"] if name != "ue" else 0
        out[name] = (contexts, status["fds"], status["heap_bytes"])
    return out


def attach(c):
    ue = c.node("ue")
    for request in [ue.send("attach", ue=imsi, cell="enb1", wait=True) for imsi in c.lab.imsis]:
        ue.answer(request, 30)


def compare(before, after):
    for name, (contexts, fds, heap) in after.items():
        if contexts:
            raise Broken(f"{name}: {contexts} contexts stay behind")
        if fds != before[name][1]:
            raise Broken(f"{name}: {fds} descriptors, {before[name][1]} at the start")
        if heap > before[name][2] + HEAP_SLACK:
            raise Broken(f"{name}: {heap} octets of heap, {before[name][2]} at the start")


def walk(seed, handovers, cells=4, ues=20, faults=5.0):
    """A line of text about a walk that went well; Broken otherwise."""
    with tempfile.TemporaryDirectory(prefix="kh") as path:
        c = Campaign(path, enbs=cells, ues=ues)
        try:
            warm_up = Walk(c, seed, 0)
            warm_up.run(ues * 4)
            warm_up.check()
            before = books(c)
            attach(c)
            began = time.monotonic()
            w = Walk(c, seed, faults)
            w.run(handovers)
            took = time.monotonic() - began
            w.check()
            compare(before, books(c))
            fired = sum(c.node(n).call("metrics.get")["counters"]["faults_fired"] for n in c.lab.names())
        except (Broken, TimeoutError, ConnectionError) as e:
            gone = [n for n in c.lab.names() if c.lab.process[n].poll() is not None]
            tails = "\n".join(c.lab.tail(n, 60 if n in gone else 12) for n in c.lab.names())
            raise Broken(f"{e}\n{tails}") from e
        finally:
            codes = c.close()
        bad = {name: code for name, code in codes.items() if code}
        if bad:
            raise Broken(f"ended with {bad}\n" + "\n".join(c.lab.tail(n, 60) for n in bad))
        refused = ", ".join(f"{n} {k}" for k, n in sorted(w.causes.items())) or "none"
        return f"{w.done} handovers in {took:.1f} s, {fired} faults, not completed at first: {refused}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=None, help="default: a random one")
    p.add_argument("-n", type=int, default=10000, metavar="HANDOVERS")
    p.add_argument("--cells", type=int, default=4)
    p.add_argument("--ues", type=int, default=20)
    p.add_argument("--faults", type=float, default=5.0, metavar="PERCENT", help="handovers with a fault")
    a = p.parse_args()
    seed = a.seed if a.seed is not None else random.SystemRandom().randrange(1 << 32)
    try:
        print(f"seed {seed}: {walk(seed, a.n, a.cells, a.ues, a.faults)}", flush=True)
    except Broken as e:
        print(f"seed {seed}: BROKEN: {e}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
