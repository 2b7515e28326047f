"""A bad radio: messages between UEs and cells are lost or late. What is tried over it ends, with a name when it does not
go well, and when the radio is good again every UE is attached, has user data and can be handed over."""

import unittest

from campaign import LONG, SCALE, CampaignTest, wait_until
from labtest import KeyhopError, LabTest

DELAY_MS = 30
# What can end a handover over a radio that loses messages; of the names of all refusals, those that say why it did.
NAMES = {"completed", "TIMEOUT", "UNKNOWN_GENERATION", "LIST_NOT_DELIVERED", "ENTRY_BURNT", "RELEASED", "UE_NOT_FOUND",
         "BAD_STATE", "HANDOVER_IN_PROGRESS", "SUPERSEDED", "NO_WRAPPED_KEY", "STALE_GENERATION"}


class Air(CampaignTest):
    options = {"enbs": 3, "ues": 6}

    def setUp(self):
        self.ue = self.c.node("ue")
        self.imsi, self.other = self.c.lab.imsis[:2]
        self.source = self.c.settle(self.imsi)
        self.target = self.source % 3 + 1

    def tearDown(self):
        """All is as it was: attached, with user data, and the next handover completes."""
        self.air(loss=0, delay_ms=0, jitter_ms=0)
        self.c.clear()
        for imsi in self.c.lab.imsis:
            self.speak(imsi)
        for imsi in self.c.lab.imsis:
            cell = self.c.settle(imsi, 20)
            self.assertEqual(self.c.ping(imsi), cell)
            self.hand_over(imsi, cell)

    def hand_over(self, imsi, cell):
        """That its last 5 was lost the UE says when it is asked to use it; the list after that is good."""
        end = self.c.handover(imsi, cell, cell % 3 + 1)[0]
        if end == "UNKNOWN_GENERATION":
            self.assertEqual(self.c.settle(imsi), cell)
            end = self.c.handover(imsi, cell, cell % 3 + 1)[0]
        self.assertEqual(end, "completed")

    def air(self, **params):
        return self.ue.call("air.set", **params)

    def counted(self, name):
        return self.ue.call("metrics.get")["counters"][name]

    def speak(self, imsi):
        """A UE that its cell has let go without its knowledge learns so with the next thing it says."""
        try:
            self.c.ping(imsi)
        except KeyhopError as e:
            self.assertIn(e.name, ("TIMEOUT", "DETACHED", "BAD_STATE"))

    def test_late(self):
        before = self.counted("air_delayed")
        self.air(delay_ms=DELAY_MS)
        for imsi in (self.imsi, self.other):
            self.assertGreaterEqual(self.ue.call("traffic.ping", ue=imsi)["rtt_us"], 2 * DELAY_MS * 1000)
        self.assertEqual(self.counted("air_delayed"), before + 4)
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "completed")
        self.assertEqual(self.c.settle(self.imsi), self.target)
        self.assertGreaterEqual(self.ue.call("traffic.ping", ue=self.imsi)["rtt_us"], 2 * DELAY_MS * 1000)

    def test_in_order(self):
        """With jitter, and when the radio becomes quick in between: nothing overtakes, down (5) or up."""
        enb, ue = (self.c.lab.connect(n) for n in (f"enb{self.source}", "ue"))
        for node, topic in ((enb, "hkey.relayed"), (ue, "hkey.received")):
            self.addCleanup(node.close)
            node.subscribe(topics=[topic], ue=self.imsi)
        sent = []
        for delay, jitter in ((2 * DELAY_MS, 0), (0, 0), (0, 2 * DELAY_MS), (0, 2 * DELAY_MS), (0, 0)):
            self.air(delay_ms=delay, jitter_ms=jitter)
            enb.call("wraplist.request", ue=self.imsi)
            sent.append(enb.wait_event(lambda e: True)["gen"])
        self.assertEqual([ue.wait_event(lambda e: True)["gen"] for _ in sent], sent)
        self.air(delay_ms=2 * DELAY_MS)
        request = self.ue.send("traffic.ping", ue=self.imsi)
        self.air(delay_ms=0)
        self.ue.call("detach", ue=self.imsi, wait=True)
        self.assertEqual(self.ue.answer(request)["outcome"], "completed")
        self.ue.call("attach", ue=self.imsi, cell="enb1", wait=True)

    def test_lost_for_one_ue(self):
        before = self.counted("air_lost")
        got = self.air(ue=self.imsi, loss=100)
        self.assertEqual((got["ue"], got["loss"], got["delay_ms"]), (self.imsi, 100, 0))
        self.assertEqual((self.ue.call("air.get")["loss"], self.ue.call("air.get")["others"]), (0, 1))
        with self.assertRaises(KeyhopError) as caught:
            self.c.ping(self.imsi)
        self.assertEqual(caught.exception.name, "TIMEOUT")
        self.assertEqual(self.counted("air_lost"), before + 1)
        self.c.ping(self.other)
        # 9 is lost, and the source takes the UE back.
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "TIMEOUT")
        self.assertGreater(self.counted("air_lost"), before + 1)
        self.assertEqual(self.ue.call("ue.show", ue=self.imsi)["state"], "attached")
        self.air(loss=0)
        self.assertEqual(self.ue.call("air.get", ue=self.imsi)["loss"], 0)

    def test_an_attach(self):
        self.ue.call("detach", ue=self.imsi, wait=True)
        self.air(ue=self.imsi, loss=100)
        with self.assertRaises(KeyhopError) as caught:
            self.ue.call("attach", ue=self.imsi, cell="enb1", wait=True, timeout=30)
        self.assertEqual(caught.exception.name, "TIMEOUT")
        self.air(ue=self.imsi, loss=0)
        self.assertEqual(self.ue.call("attach", ue=self.imsi, cell="enb1", wait=True)["state"], "attached")

    def test_a_detach(self):
        """The UE goes without the network."""
        self.air(ue=self.imsi, loss=100)
        with self.assertRaises(KeyhopError) as caught:
            self.ue.call("detach", ue=self.imsi, wait=True, timeout=30)
        self.assertEqual(caught.exception.name, "TIMEOUT")
        self.assertEqual(self.ue.call("ue.show", ue=self.imsi)["state"], "detached")
        self.air(loss=0)
        self.assertEqual(self.ue.call("attach", ue=self.imsi, cell="enb1", wait=True)["state"], "attached")

    def test_more_in_a_row_than_pdcp_can_count(self):
        """Its cell takes nothing of the UE any more; a detach ends without it, and a new attach is as any."""
        watch = self.c.lab.connect("ue")
        self.addCleanup(watch.close)
        watch.subscribe(topics=["measure.sent"], ue=self.imsi)
        self.air(ue=self.imsi, loss=100)
        for _ in range(32):
            self.ue.call("measure", ue=self.imsi, cells={f"enb{self.source}": -100, f"enb{self.target}": -70})
            watch.wait_event(lambda e: True)
        self.air(ue=self.imsi, loss=0)
        before = self.c.enb(self.source).call("metrics.get")["refused"]["bad-pdcp-mac"]
        with self.assertRaises(KeyhopError) as caught:
            self.ue.call("detach", ue=self.imsi, wait=True, timeout=30)
        self.assertEqual(caught.exception.name, "TIMEOUT")
        self.assertGreater(self.c.enb(self.source).call("metrics.get")["refused"]["bad-pdcp-mac"], before)
        self.assertEqual(self.ue.call("attach", ue=self.imsi, cell="enb1", wait=True)["state"], "attached")

    def test_the_acknowledgement_of_10(self):
        """10 goes past the radio, as a fault met it; all after it is lost. The UE is at the target and does not know so,
        finds no way back to the source and attaches anew."""
        before = self.c.last_event("ue")
        self.c.fault("ue", fault="delay", message="10", count=1, delay_ms=100)
        request = self.c.enb(self.source).send("handover.start", ue=self.imsi, target=f"enb{self.target}", wait=True)
        self.c.wait_fired("ue", before)
        self.air(ue=self.imsi, loss=100)
        self.assertEqual(self.c.enb(self.source).answer(request, 30)["outcome"], "completed")
        wait_until(self.c.watch.values(), lambda: self.ue.call("ue.show", ue=self.imsi)["state"] in
                   ("detached", "connecting"), 20, "the UE gave up")
        self.air(loss=0)

    def test_the_request_to_come_back(self):
        """10 is lost, and so is what the UE says to the source after it."""
        before = self.c.last_event("ue")
        self.c.fault("ue", fault="drop", message="10", count=1)
        request = self.c.enb(self.source).send("handover.start", ue=self.imsi, target=f"enb{self.target}", wait=True)
        self.c.wait_fired("ue", before)
        self.air(ue=self.imsi, loss=100)
        with self.assertRaises(KeyhopError) as caught:
            self.c.enb(self.source).answer(request, 30)
        self.assertIn(caught.exception.name, ("TIMEOUT", "RELEASED"))
        self.air(loss=0)

    def test_a_lost_5(self):
        """No entry of its list is good; a handover to another cell waits for the next list, which is late."""
        before = self.counted("air_lost")
        self.air(ue=self.imsi, loss=100)
        self.c.enb(self.source).call("wraplist.request", ue=self.imsi)
        wait_until(self.c.watch.values(), lambda: self.counted("air_lost") > before, 10 * SCALE, "5 lost")
        self.air(loss=0)
        self.c.fault(f"enb{self.source}", fault="delay", message="3", count=1, delay_ms=100)
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "UNKNOWN_GENERATION")
        self.assertEqual(self.c.handover(self.imsi, self.source, 6 - self.source - self.target)[0], "completed")

    def test_a_way_back_that_is_not_complete(self):
        """The UE is back at the source, which does not hear the last message about it: it has asked for a new list before,
        as the entry of the target is burnt."""
        source = self.c.watch[f"enb{self.source}"]
        self.c.read_events()
        self.c.fault("ue", fault="drop", message="10", count=0)
        self.c.fault("ue", fault="drop", message="rrc.reestablishment_complete", count=0)
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "TIMEOUT")
        source.wait_event(lambda e: e["topic"] == "wraplist.received" and e["ue"] == self.imsi, 10 * SCALE)
        self.c.clear()
        self.assertEqual(self.c.settle(self.imsi), self.source)

    def bad(self, rounds, **quality):
        """Handovers of all UEs over such a radio; how they ended."""
        ends = {}
        self.air(**quality)
        for _ in range(rounds):
            for imsi in self.c.lab.imsis:
                cell = self.ue.call("ue.show", ue=imsi)["serving"]
                end = self.c.handover(imsi, cell, cell % 3 + 1)[0] if cell else "BAD_STATE"
                ends[end] = ends.get(end, 0) + 1
                self.speak(imsi)
        self.assertLessEqual(set(ends), NAMES, ends)
        return ends

    def test_many_lost(self):
        before = self.counted("air_lost")
        self.bad(20 if LONG else 2, loss=25, delay_ms=2)
        self.assertGreater(self.counted("air_lost"), before)

    def test_many_late(self):
        """By so different times that answers come when nobody waits for them any more."""
        before = self.counted("air_delayed")
        self.bad(20 if LONG else 2, delay_ms=10, jitter_ms=int(300 * SCALE))
        self.assertGreater(self.counted("air_delayed"), before)


class Options(LabTest):
    def test_from_the_start(self):
        lab = self.lab(enbs=2, extra={"ue": f"lab: {{air: {{delay: {DELAY_MS}ms, jitter: 1ms}}}}\n"})
        lab.attach_all()
        ue, imsi = lab.node("ue"), lab.imsis[0]
        self.assertGreaterEqual(ue.call("traffic.ping", ue=imsi)["rtt_us"], 2 * DELAY_MS * 1000)
        got = ue.call("air.get")
        self.assertEqual((got["loss"], got["delay_ms"], got["jitter_ms"], got["others"]), (0, DELAY_MS, 1, 0))
        self.assertEqual(ue.call("air.get", ue=imsi), {"ue": imsi, "loss": 0, "delay_ms": DELAY_MS, "jitter_ms": 1})
        self.named("FAULTS_OFF", ue.call, "air.set", loss=1)
        self.assertIn("radio of ue=all: loss=0.00% delay=30ms jitter=1ms", (lab.path / "ue.log").read_text())

    def test_what_is_refused(self):
        lab = self.lab(enbs=2, extra={"ue": "lab: {faults: true}\n"})
        ue, new = lab.node("ue"), "001010000000077"
        for wrong in ({}, {"loss": -0.1}, {"loss": 100.5}, {"ue": lab.imsis[0]}):
            self.named("INVALID_PARAMS", ue.call, "air.set", **wrong)
        self.named("UE_NOT_FOUND", ue.call, "air.set", ue=new, loss=1)
        self.named("UE_NOT_FOUND", ue.call, "air.get", ue=new)
        # What all have a UE that is new has, too; one of its own goes when all are set.
        ue.call("air.set", loss=12.345, delay_ms=7)
        ue.call("air.set", ue=lab.imsis[0], jitter_ms=3)
        ue.call("ue.add", ue=new, k="00" * 16, opc="11" * 16)
        self.assertEqual(ue.call("air.get", ue=new), {"ue": new, "loss": 12.35, "delay_ms": 7, "jitter_ms": 0})
        self.assertEqual(ue.call("air.get")["others"], 1)
        self.assertEqual(ue.call("air.set", jitter_ms=0)["others"], 0)


if __name__ == "__main__":
    unittest.main()
