"""Handovers that do not go well, one by one: each refusal of the target, cancels and releases at every point, two
decisions at once, a UE that is at a third cell before the first one knows. The UE ends at one cell, with the keys of
that cell, and nothing stays behind anywhere."""

import tempfile
import unittest

from campaign import LONG, SCALE, Campaign, CampaignTest, wait_until
from keyhop import KeyhopError

LATE_MS = 150


class Failures(CampaignTest):
    options = {"enbs": 3, "ues": 2}

    def setUp(self):
        self.imsi = self.c.imsi
        self.source = self.c.settle(self.imsi)
        self.target, self.third = [n for n in (1, 2, 3) if n != self.source]

    def tearDown(self):
        """Whatever happened: served by one cell, user data, and the next handover completes."""
        self.c.clear()
        cell = self.c.settle(self.imsi)
        self.assertEqual(self.c.ping(self.imsi), cell)
        self.assertEqual(self.c.handover(self.imsi, cell, cell % 3 + 1)[0], "completed")

    def held_at(self, step, node, direction="tx"):
        """Starts a handover and holds it where the message of this step is on its way; the request's number."""
        before = self.c.last_event(node)
        self.c.fault(node, fault="delay", message=step, direction=direction, count=1, delay_ms=LATE_MS)
        request = self.c.enb(self.source).send("handover.start", ue=self.imsi, target=f"enb{self.target}", wait=True)
        self.c.wait_fired(node, before)
        return request

    def outcome(self, request):
        try:
            self.c.enb(self.source).answer(request, 10)
            return "completed"
        except Exception as e:
            return getattr(e, "name", repr(e))

    def names(self):
        return f"enb{self.source}", f"enb{self.target}"

    # Cancel.
    def test_cancel_while_waiting_for_a_list(self):
        source, _ = self.names()
        self.c.fault("mme", fault="drop", message="4", count=0)
        self.c.fault("mme", fault="drop", message="5", count=0)
        # The entry in hand is burnt first: by a 7 that is lost.
        self.c.fault(source, fault="drop", message="7", count=1)
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "TIMEOUT")
        request = self.c.enb(self.source).send("handover.start", ue=self.imsi, target=f"enb{self.target}", wait=True)
        self.c.node(source).call("handover.cancel", ue=self.imsi)
        self.assertEqual(self.outcome(request), "CANCELLED")

    def test_cancel_after_7(self):
        source, target = self.names()
        request = self.held_at("8", target)
        self.c.node(source).call("handover.cancel", ue=self.imsi)
        self.assertEqual(self.outcome(request), "CANCELLED")
        self.assertEqual(self.c.settle(self.imsi), self.source)

    def test_cancel_after_9_when_the_ue_has_not_arrived(self):
        source, _ = self.names()
        request = self.held_at("10", "ue")
        self.c.node(source).call("handover.cancel", ue=self.imsi)
        # The target gave the arrival up, so the UE comes back.
        self.assertEqual(self.outcome(request), "TIMEOUT")
        self.assertEqual(self.c.settle(self.imsi), self.source)

    def test_cancel_after_9_when_the_ue_has_arrived(self):
        source, target = self.names()
        request = self.held_at("11", target)
        self.c.node(source).call("handover.cancel", ue=self.imsi)
        self.assertEqual(self.outcome(request), "completed")
        self.assertEqual(self.c.settle(self.imsi), self.target)

    def test_cancel_without_handover(self):
        with self.assertRaises(Exception) as caught:
            self.c.enb(self.source).call("handover.cancel", ue=self.imsi)
        self.assertEqual(caught.exception.name, "BAD_STATE")

    # Release and detach.
    def test_release_by_the_operator_after_7(self):
        source, target = self.names()
        request = self.held_at("8", target)
        self.c.node(source).call("ue.release", ue=self.imsi)
        self.assertEqual(self.outcome(request), "RELEASED")

    def test_the_end_of_a_ue_at_every_point(self):
        """Detach and release cross each message: by whom, and while which message is on its way."""
        senders = {"7": "source", "8": "target", "9": "source", "10": "ue", "11": "target", "12": "target", "13": "mme"}
        crossings = [(who, step) for who in ("mme", "ue", "source") for step in senders]
        for who, step in crossings if LONG else crossings[::3]:
            with self.subTest(by=who, while_on_its_way=step):
                self.setUp()
                source, target = self.names()
                node = {"source": source, "target": target, "ue": "ue", "mme": "mme"}[senders[step]]
                request = self.held_at(step, node)
                self.end_ue(who, source)
                self.outcome(request)
                self.reattach()

    def end_ue(self, who, source):
        """A refusal is as good: the UE is in the middle of a handover, or gone from there."""
        node, method = {"mme": ("mme", "ue.detach"), "ue": ("ue", "detach"), "source": (source, "ue.release")}[who]
        try:
            self.c.node(node).call(method, ue=self.imsi)
        except KeyhopError as e:
            self.assertIn(e.name, ("BAD_STATE", "UE_NOT_FOUND"))

    def reattach(self):
        """A UE that the network detached stays away until somebody attaches it again."""
        ue = self.c.node("ue")

        def attached():
            """Everywhere: a release or a detach may still be on its way to a UE that says so alone."""
            if ue.call("ue.show", ue=self.imsi)["state"] == "detached":
                ue.call("attach", ue=self.imsi, cell="enb1")
            return self.c.serving(self.imsi)

        self.c.clear()
        wait_until(self.c.watch.values(), attached, 10 * SCALE, "attached again")
        self.c.settle(self.imsi)

    def test_detach_by_the_ue_after_7(self):
        _, target = self.names()
        request = self.held_at("8", target)
        self.c.node("ue").call("detach", ue=self.imsi, wait=True)
        self.assertIn(self.outcome(request), ("RELEASED", "DETACHED"))
        self.assertEqual(self.c.elsewhere(self.imsi, 0), [])
        self.reattach()

    # Decisions.
    def test_two_decisions_at_once(self):
        _, target = self.names()
        request = self.held_at("8", target)
        with self.assertRaises(Exception) as caught:
            self.c.enb(self.source).call("handover.start", ue=self.imsi, target=f"enb{self.third}", wait=True)
        self.assertEqual(caught.exception.name, "HANDOVER_IN_PROGRESS")
        self.c.node("ue").call("measure", ue=self.imsi, cells={f"enb{self.source}": -100, f"enb{self.third}": -60})
        self.assertEqual(self.outcome(request), "completed")

    def test_ue_at_a_third_cell_before_11(self):
        _, target = self.names()
        request = self.held_at("11", target)
        self.assertEqual(self.c.handover(self.imsi, self.target, self.third)[0], "completed")
        self.assertEqual(self.outcome(request), "completed")
        self.assertEqual(self.c.settle(self.imsi), self.third)

    def test_ue_back_at_the_source_before_11(self):
        """The source still waits for 11 when the UE comes back to it."""
        _, target = self.names()
        request = self.held_at("11", target)
        self.assertEqual(self.c.handover(self.imsi, self.target, self.source)[0], "completed")
        self.assertEqual(self.outcome(request), "completed")
        self.assertEqual(self.c.settle(self.imsi), self.source)

    def test_ue_comes_back_while_the_source_asks(self):
        """10 is never heard: the UE re-establishes, under the old keys."""
        _, target = self.names()
        before = self.c.node("ue").call("ue.show", ue=self.imsi)["kenb_fp"]
        self.c.fault(target, fault="drop", message="10", direction="rx", count=0)
        self.assertNotEqual(self.c.handover(self.imsi, self.source, self.target)[0], "completed")
        self.assertEqual(self.c.settle(self.imsi), self.source)
        self.assertEqual(self.c.node("ue").call("ue.show", ue=self.imsi)["kenb_fp"], before)

    def test_10_under_the_wrong_keys(self):
        """10 with a wrong MAC counts as none."""
        _, target = self.names()
        self.c.fault("ue", fault="corrupt", message="10", count=0)
        self.assertNotEqual(self.c.handover(self.imsi, self.source, self.target)[0], "completed")
        self.assertGreater(self.c.node(target).call("metrics.get")["refused"]["bad-pdcp-mac"], 0)
        self.assertEqual(self.c.settle(self.imsi), self.source)

    def test_two_messages_held_for_the_same_next_one(self):
        """4 and 5 of one list wait for whatever comes next on S1: the next list. Each of them lets others go, too."""
        mme = self.c.node("mme")
        for step in ("4", "5"):
            self.c.fault("mme", fault="reorder", message=step, count=1)
        for request in [mme.send("hkey.issue", ue=self.imsi, enbs=[self.target, self.third]) for _ in range(2)]:
            mme.answer(request)
        self.assertEqual([f["left"] for f in mme.call("fault.list")["items"]], [0, 0])
        self.c.settle(self.imsi)

    # Associations.
    def test_target_gone_while_preparing(self):
        source, target = self.names()
        request = self.held_at("8", target)
        self.c.node(target).call("neighbour.remove", enb=source)
        self.assertEqual(self.outcome(request), "TIMEOUT")
        self.c.node(target).call("neighbour.add", enb=self.source, address=self.c.lab.address(source), name=source)
        self.c.associated()

    def test_x2_gone_after_9(self):
        """Neither 11 nor an answer can come: the UE is at the target, and the source gives it up."""
        source, target = self.names()
        request = self.held_at("11", target)
        self.c.node(target).call("neighbour.remove", enb=source)
        self.outcome(request)
        self.assertEqual(self.c.settle(self.imsi), self.target)
        self.c.node(target).call("neighbour.add", enb=self.source, address=self.c.lab.address(source), name=source)
        self.c.associated()

    def test_an_attempt_burns_its_entry(self):
        source, _ = self.names()
        self.c.fault("mme", fault="drop", message="4", count=0)
        self.c.fault(source, fault="drop", message="7", count=1)
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "TIMEOUT")
        items = {e["enb"]: e for e in self.c.enb(self.source).call("wraplist.show", ue=self.imsi)["items"]}
        self.assertTrue(items[self.target]["burnt"])
        self.assertFalse(items[self.third]["burnt"])
        with self.assertRaises(Exception) as caught:
            self.c.enb(self.source).call("handover.start", ue=self.imsi, target=f"enb{self.target}")
        self.assertEqual(caught.exception.name, "ENTRY_BURNT")


class Refusals(unittest.TestCase):
    """Causes of the target that need a configuration of their own."""

    def refused(self, cause, target_text):
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            c = Campaign(path, enbs=2, ues=2, extra={"enb2": target_text})
            try:
                self.assertEqual(c.handover(c.imsi, 1, 2)[0], cause)
                self.assertEqual(c.settle(c.imsi), 1)
                self.assertEqual(c.ping(c.imsi), 1)
            finally:
                self.assertEqual(set(c.close().values()), {0})

    def test_no_common_algorithm(self):
        self.refused("NO_COMMON_ALGORITHM", "as: {ciphering: [eea0]}\n")


if __name__ == "__main__":
    unittest.main()
