"""The single-fault matrix: every message of the contribution, every fault, at its sender and at each receiver.

usage: faults.py [--only TEXT] [--list] [--runs N]"""

import argparse
import sys
import tempfile

from campaign import Campaign, other_cells

FAULTS = ("drop", "delay", "duplicate", "reorder", "corrupt", "truncate", "replay")
DELAY_MS = 30

OK = "completed"
# What a handover comes to when a fault hits a message: the outcome that the source tells. Completed means that the UE
# ends at the target; any other outcome, that it ends at the source. In both cases the next handover must complete.
LOST = {"drop", "truncate"}
OUTCOMES = {
    # The list without its H_key, at the eNodeB or at the UE: the next list mends it.
    "5": {"drop": "LIST_NOT_DELIVERED", "truncate": "LIST_NOT_DELIVERED",
          "corrupt": {"LIST_NOT_DELIVERED", "UNKNOWN_GENERATION"}},
    "5 on Uu": {"drop": "UNKNOWN_GENERATION", "truncate": "UNKNOWN_GENERATION", "corrupt": "UNKNOWN_GENERATION",
                "delay": "UNKNOWN_GENERATION", "reorder": {OK, "UNKNOWN_GENERATION"}},
    # Preparation: the source hears nothing, or a refusal.
    "7": {"drop": "TIMEOUT", "truncate": "TIMEOUT", "corrupt": "UNWRAP_FAILED"},
    "8": {"drop": "TIMEOUT", "truncate": "TIMEOUT", "corrupt": {"TIMEOUT", OK, "NO_COMMON_ALGORITHM"}},
    # Execution: the UE does not move, and the target says so when it is asked.
    "9": {"drop": "TIMEOUT", "truncate": "TIMEOUT", "corrupt": "TIMEOUT"},
    # Completion mends itself: 10 is sent again, 11 is asked for, 12 is sent again.
    "10": {}, "11": {}, "12": {}, "13": {"corrupt": {OK, "UNWRAP_FAILED"}, "truncate": {OK, "UNWRAP_FAILED"}},
    "ack10": {},
}


class Case:
    """`message` is set to `fault` at `node` (a role: source, target, mme, ue); `trigger` makes it flow."""

    def __init__(self, step, message, fault, node, direction, trigger):
        self.step, self.message, self.fault = step, message, fault
        self.node, self.direction, self.trigger = node, direction, trigger
        self.name = f"{step.replace(' ', '-')}-{message.split('.')[-1]}-{fault}-{node}-{direction}"

    def expected(self):
        wanted = OUTCOMES.get(self.step, {}).get(self.fault, OK)
        return wanted if isinstance(wanted, set) else {wanted}


# step, message, [(role, direction)], what makes it flow
FLOWS = [
    ("2", "s1.enb_key", [("mme", "tx"), ("target", "rx")], "rotate"),
    ("ack2", "s1.enb_key_ack", [("target", "tx"), ("mme", "rx")], "rotate"),
    ("3", "s1.neighbour_list", [("source", "tx"), ("mme", "rx")], "list"),
    ("4", "s1.wrapped_key_list", [("mme", "tx"), ("source", "rx")], "list"),
    ("5", "5", [("mme", "tx"), ("source", "rx")], "list"),
    ("5 on Uu", "rrc.dl_information_transfer", [("source", "tx"), ("ue", "rx")], "list"),
    ("6", "rrc.measurement_report", [("ue", "tx"), ("source", "rx")], "measure"),
    ("7", "x2.handover_request", [("source", "tx"), ("target", "rx")], "handover"),
    ("8", "x2.handover_response", [("target", "tx"), ("source", "rx")], "handover"),
    ("9", "rrc.handover_command", [("source", "tx"), ("ue", "rx")], "handover"),
    ("10", "rrc.handover_confirm", [("ue", "tx"), ("target", "rx")], "handover"),
    ("ack10", "rrc.handover_confirm_ack", [("target", "tx"), ("ue", "rx")], "handover"),
    ("11", "x2.handover_complete", [("target", "tx"), ("source", "rx")], "handover"),
    ("12", "s1.location_update", [("target", "tx"), ("mme", "rx")], "handover"),
    ("13", "s1.new_key_list", [("mme", "tx"), ("target", "rx")], "handover"),
]

# What is another way with location_update: source.
SOURCE_FLOWS = [
    ("11", "x2.handover_complete", [("target", "tx"), ("source", "rx")], "handover"),
    ("12", "s1.location_update", [("source", "tx"), ("mme", "rx")], "handover"),
    ("13", "s1.new_key_list", [("mme", "tx"), ("source", "rx")], "handover"),
    ("13", "x2.new_key_list", [("source", "tx"), ("target", "rx")], "handover"),
]


def cases(flows=FLOWS):
    return [Case(step, message, fault, role, direction, trigger)
            for step, message, ends, trigger in flows for role, direction in ends for fault in FAULTS]


class Failed(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failed(text)


class Runner:
    def __init__(self, campaign):
        self.c = campaign
        self.imsi = campaign.imsi

    def name_of(self, role, source, target):
        return {"source": f"enb{source}", "target": f"enb{target}", "mme": "mme", "ue": "ue"}[role]

    # What makes a message flow. Each returns the outcome of the handover that follows it.
    def rotate(self, source, target):
        self.c.node("mme").call("enbkey.rotate", enb=f"enb{target}")
        return self.c.handover(self.imsi, source, target)[0]

    def list(self, source, target):
        self.c.enb(source).call("wraplist.request", ue=self.imsi)
        self.c.wait_fired(self.hit, self.before)
        return self.c.handover(self.imsi, source, target)[0]

    def handover(self, source, target):
        return self.c.handover(self.imsi, source, target)[0]

    def measure(self, source, target):
        """Until a report came through: a lost one is a report that the UE makes again."""
        enb = self.c.lab.connect(f"enb{source}")
        enb.subscribe(topics=["handover."])
        for _ in range(3):
            self.c.node("ue").call("measure", ue=self.imsi, cells={f"enb{source}": -100, f"enb{target}": -80})
            try:
                event = enb.wait_event(lambda e: e["topic"] in ("handover.completed", "handover.failed"), 1.5)
                break
            except TimeoutError:
                continue
        else:
            raise Failed("no handover after three reports")
        enb.close()
        return "completed" if event["topic"] == "handover.completed" else event["cause"]

    def run(self, case):
        source = self.c.settle(self.imsi)
        target = other_cells(self.c, source)[0]
        before = self.c.node("ue").call("ue.show", ue=self.imsi)
        node = self.name_of(case.node, source, target)
        self.hit, self.before = node, self.c.last_event(node)
        self.c.fault(node, fault=case.fault, message=case.message, direction=case.direction, count=1,
                     delay_ms=DELAY_MS)
        outcome = getattr(self, case.trigger)(source, target)
        self.c.wait_fired(node, self.before)
        self.c.clear()
        cell = self.c.settle(self.imsi)
        expect(outcome in case.expected(), f"outcome {outcome}, expected {case.expected()}")
        expect(cell == (target if outcome == OK else source), f"{outcome}, but the UE is at enb{cell}")
        expect(self.c.ping(self.imsi) == cell, "no user data")
        after = self.c.node("ue").call("ue.show", ue=self.imsi)
        expect((after["kenb_fp"] == before["kenb_fp"]) == (outcome != OK), "old key at the target or new at the source")
        self.retry(cell, damaged=case.step in ("4", "13") and case.fault in ("corrupt", "truncate"))

    def retry(self, cell, damaged):
        """After whatever happened the next handover completes; a list that was damaged on its way shows only when it
        is used, and the list after it is good."""
        outcome, data = self.c.handover(self.imsi, cell, other_cells(self.c, cell)[-1])
        if damaged and outcome != OK:
            self.c.settle(self.imsi)
            outcome, data = self.c.handover(self.imsi, cell, other_cells(self.c, cell)[-1])
        expect(outcome == OK, f"the next handover: {outcome} {data}")


def run_all(wanted, path, report=print, mme=None):
    """{name: text} of the cases that failed."""
    failed = {}
    campaign = Campaign(path, mme=mme)
    runner = Runner(campaign)
    for case in wanted:
        try:
            runner.run(case)
            report(f"ok    {case.name}")
        except (Failed, TimeoutError) as e:
            failed[case.name] = str(e)
            report(f"FAIL  {case.name}: {e}\n" + "\n".join(campaign.lab.tail(n, 25) for n in campaign.lab.names()))
            campaign.clear()
    for name, code in campaign.close().items():
        if code != 0:
            failed[name] = f"ended with {code}\n{campaign.lab.tail(name, 40)}"
    return failed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", help="cases whose name contains this")
    p.add_argument("--list", action="store_true")
    p.add_argument("--runs", type=int, default=1)
    a = p.parse_args()
    wanted = [c for c in cases() if a.only in c.name]
    if a.list:
        print("\n".join(c.name for c in wanted))
        return 0
    bad = 0
    for run in range(a.runs):
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            failed = run_all(wanted, path, report=(lambda text: None if text.startswith("ok") else print(text)))
        print(f"run {run + 1}: {len(wanted) - len(failed)} of {len(wanted)} cases as expected", flush=True)
        bad += len(failed)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
