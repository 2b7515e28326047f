"""Refresh of MME-eNB_keys and of H_keys, also while UEs move."""

import tempfile
import unittest

from campaign import LONG, Campaign
from labtest import LabTest
from walk import Walk, repeated_keys


class RotatingWalk(Walk):
    """Each handover begins with new MME-eNB_keys for some eNodeB."""

    def maybe_fault(self):
        name = f"enb{self.rng.randint(1, self.c.lab.enbs)}"
        self.c.node("mme").call("enbkey.rotate", enb=name)


class EnbKeys(LabTest):
    def relayed(self, lab, name="enb1"):
        """A usable list is in hand."""
        enb = lab.node(name)
        enb.subscribe(since=0)
        enb.wait_event(lambda e: e["topic"] == "hkey.relayed")
        return enb

    def test_in_a_loop_while_ues_move(self):
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            c = Campaign(path, enbs=3, ues=6)
            try:
                walk = RotatingWalk(c, seed=1, faults=100)
                walk.run(1000 if LONG else 150)
                cells = c.settle_all()
                # What was refused at first completes: nothing fails for good.
                for imsi, cell in cells.items():
                    target = cell % c.lab.enbs + 1
                    self.assertEqual(c.handover(imsi, cell, target)[0], "completed")
                self.assertLessEqual(set(walk.causes), {"UNKNOWN_KEY_ID", "LIST_NOT_DELIVERED", "NO_WRAPPED_KEY",
                                                        "UNWRAP_FAILED"})
                self.assertEqual(repeated_keys(c.lab), [])
            finally:
                codes = c.close()
            self.assertEqual(set(codes.values()), {0})

    def test_after_the_grace_time_a_second_list_helps(self):
        lab = self.lab(enbs=2, mme={"enb_key_grace": "20ms"})
        lab.attach_all()
        enb1, enb2 = self.relayed(lab), lab.node("enb2")
        enb2.subscribe(since=0)
        lab.node("mme").call("enbkey.rotate", enb="enb2")
        enb2.wait_event(lambda e: e["topic"] == "enbkey.erased")
        done = enb1.call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        self.assertEqual(done["outcome"], "completed")
        self.assertEqual(self.refused(enb2, "unknown-key-id"), 1)

    def test_without_wait_it_is_refused_by_name(self):
        lab = self.lab(enbs=2, mme={"enb_key_grace": "20ms"})
        lab.attach_all()
        enb1, enb2 = self.relayed(lab), lab.node("enb2")
        enb2.subscribe(since=0)
        lab.node("mme").call("enbkey.rotate", enb="enb2")
        enb2.wait_event(lambda e: e["topic"] == "enbkey.erased")
        enb1.call("handover.start", ue=lab.imsis[0], target="enb2")
        failed = enb1.wait_event(lambda e: e["topic"] == "handover.failed")
        self.assertEqual(failed["cause"], "unknown-key-id")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["serving"], 1)

    def test_before_the_limit_of_the_cipher(self):
        lab = self.lab(enbs=2, mme={"enb_key_wraps": 3})
        lab.attach_all()
        imsi, mme = lab.imsis[0], lab.node("mme")
        mme.subscribe(since=0, topics=["enbkey.picked"])
        for source, target in [("enb1", "enb2"), ("enb2", "enb1")] * 5:
            lab.node(source).call("handover.start", ue=imsi, target=target, wait=True)
        renewed = mme.wait_event(lambda e: e["enb"] == 2 and e["kid"] > 2)
        self.assertGreater(renewed["kid"], 2)

    def test_at_its_age_limit(self):
        lab = self.lab(enbs=2, mme={"enb_key_lifetime": "200ms"})
        mme = lab.node("mme")
        mme.subscribe(since=0, topics=["enbkey.picked"])
        kids = [mme.wait_event(lambda e: e["enb"] == 1)["kid"] for _ in range(3)]
        self.assertEqual(kids, sorted(set(kids)))


class HKeys(LabTest):
    def test_lists_are_renewed_before_they_are_too_old(self):
        lab = self.lab(enbs=2, extra={"*enb": "handover: {list_lifetime: 400ms}\n"})
        lab.attach_all()
        enb = lab.node("enb1")
        enb.subscribe(since=0)
        generations = [enb.wait_event(lambda e: e["topic"] == "wraplist.received")["gen"] for _ in range(3)]
        self.assertEqual(generations, sorted(set(generations)))

    def test_a_list_that_is_too_old_is_not_used(self):
        lab = self.lab(enbs=2, extra={"*enb": "handover: {list_lifetime: 150ms}\n"})
        lab.attach_all()
        enb, imsi = lab.node("enb1"), lab.imsis[0]
        enb.subscribe(since=0)
        enb.wait_event(lambda e: e["topic"] == "hkey.relayed")
        lab.stop_node("mme")
        # Three attempts to connect again take longer than the list lives.
        for _ in range(3):
            enb.wait_event(lambda e: e.get("cause") in ("cannot-connect", "timeout"))
        self.named("STALE_LIST", enb.call, "handover.start", ue=imsi, target="enb2")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["serving"], 1)

    def test_on_command(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        imsi, ue = lab.imsis[0], lab.node("ue")
        ue.subscribe(since=0, topics=["hkey.received"])
        first = ue.wait_event(lambda e: True)
        issued = lab.node("mme").call("hkey.issue", ue=imsi, enbs=[2])["generation"]
        second = ue.wait_event(lambda e: True)
        self.assertEqual(second["gen"], issued)
        self.assertGreater(second["gen"], first["gen"])
        self.assertNotEqual(second["fp"], first["fp"])


if __name__ == "__main__":
    unittest.main()
