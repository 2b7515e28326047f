"""location_update: source. The eNodeB that served the UE before sends 12 and hands 13 on: chains of moves, each message
lost, the source killed, and a source that is captured."""

import signal
import unittest

from labtest import LabTest  # first: it finds the others
from campaign import CampaignTest, ms
from evil import EvilEnb, RogueUe, confirm, kenb_for, pack, packed, unpack
from keyhop import KeyhopError, wait_until

SOURCE = {"location_update": "source"}
LATE_MS = 150


class Moves(CampaignTest):
    options = {"enbs": 3, "mme": SOURCE}

    def setUp(self):
        self.imsi = self.c.imsi
        self.source = self.c.settle(self.imsi)
        self.target = self.source % 3 + 1
        self.c.read_events()

    def tearDown(self):
        """Whatever happened: served by one cell with a list in hand, and the next handover completes."""
        self.c.clear()
        cell = self.c.settle(self.imsi)
        self.assertEqual(self.c.ping(self.imsi), cell)
        self.assertEqual(self.c.handover(self.imsi, cell, cell % 3 + 1)[0], "completed")

    def watch(self, number):
        return self.c.watch[f"enb{number}"]

    def move(self, source, target):
        """A handover, by the book; its generation and the key's fingerprint."""
        outcome, result = self.c.handover(self.imsi, source, target)
        self.assertEqual(outcome, "completed", result)
        for topic, step in (("handover.completed", "11"), ("location_update.sent", "12"), ("wraplist.relayed", "13")):
            e = self.watch(source).wait_event(lambda e, topic=topic: e["topic"] == topic)
            self.assertEqual((e["step"], e["enb"], e["ue"]), (step, target, self.imsi))
        sent = self.c.watch["mme"].wait_event(lambda e: e["topic"] == "wraplist.sent" and e["step"] == "13")
        self.assertEqual((sent["enb"], sent["gen"]), (source, e["gen"]))
        came = self.watch(target).wait_event(lambda e: e["topic"] == "wraplist.received")
        self.assertEqual((came["step"], came["gen"]), ("13", e["gen"]))
        self.assertEqual(self.c.settle(self.imsi), target)
        self.assertEqual(self.c.ping(self.imsi), target)
        return result["generation"], self.c.node("ue").call("ue.show", ue=self.imsi)["kenb_fp"]

    def completed(self):
        self.assertEqual(self.c.handover(self.imsi, self.source, self.target)[0], "completed")

    def test_chain_and_ping_pong(self):
        path = [self.source, self.target, self.target % 3 + 1, self.source] + [self.target, self.source] * 2
        seen = [self.move(a, b) for a, b in zip(path, path[1:])]
        generations = [gen for gen, _ in seen]
        self.assertEqual(generations, sorted(set(generations)))
        self.assertEqual(len({fp for _, fp in seen}), len(seen))

    def test_all_say_so(self):
        for name in ("mme", "enb1", "enb2", "enb3"):
            self.assertEqual(self.c.node(name).call("scheme.get")["location_update"], "source", name)

    def test_13_and_5_in_either_order(self):
        """The list counts once the MME's own 5 has named it and the UE has it."""
        for step in ("5", "13"):
            with self.subTest(late=step):
                self.setUp()
                self.c.fault("mme", fault="delay", message=step, direction="tx", count=1, delay_ms=LATE_MS)
                self.completed()
                watch = self.watch(self.target)
                last = watch.wait_event(lambda e: e["topic"] in ("hkey.relayed", "wraplist.received"))
                self.assertEqual(last["topic"], "hkey.relayed")
                watch.wait_event(lambda e, gen=last["gen"]: e["topic"] == "wraplist.received" and e["gen"] >= gen)
                self.assertEqual(self.c.settle(self.imsi), self.target)
                self.c.clear()

    def test_a_lost_11_is_asked_for(self):
        self.c.fault(f"enb{self.target}", fault="drop", message="11", direction="tx", count=1)
        self.completed()
        self.assertEqual(self.c.settle(self.imsi), self.target)

    def test_12_or_13_lost(self):
        """The serving eNodeB sends 12 itself; when the MME has had it, it asks for a list by 3."""
        cases = [("source", "s1.location_update", "tx", "13"), ("mme", "s1.location_update", "rx", "13"),
                 ("mme", "s1.new_key_list", "tx", "4"), ("source", "s1.new_key_list", "rx", "4"),
                 ("source", "x2.new_key_list", "tx", "4"), ("target", "x2.new_key_list", "rx", "4")]
        for role, message, direction, brings in cases:
            with self.subTest(message=message, at=role, direction=direction):
                self.setUp()
                node = {"source": f"enb{self.source}", "target": f"enb{self.target}", "mme": "mme"}[role]
                self.c.fault(node, fault="drop", message=message, direction=direction, count=1)
                self.completed()
                self.watch(self.target).wait_event(lambda e: e["topic"] == "location_update.sent")
                came = self.watch(self.target).wait_event(lambda e: e["topic"] == "wraplist.received")
                self.assertEqual(came["step"], brings)
                self.assertEqual(self.c.settle(self.imsi), self.target)

    def test_x2_breaks_under_13(self):
        self.c.fault(f"enb{self.source}", fault="close", message="x2.new_key_list", direction="tx", count=1)
        self.completed()
        self.assertEqual(self.c.settle(self.imsi), self.target)
        self.c.associated()

    def test_13_comes_when_the_ue_has_moved_on(self):
        """Held until the target has a list of its own asking, and has handed the UE over to a third cell."""
        third = self.target % 3 + 1
        self.c.fault(f"enb{self.source}", fault="delay", message="x2.new_key_list", direction="tx", count=1, delay_ms=2500)
        self.completed()
        self.watch(self.target).wait_event(lambda e: e["topic"] == "wraplist.received" and e["step"] == "4")
        self.assertEqual(self.c.handover(self.imsi, self.target, third)[0], "completed")
        self.watch(self.target).wait_event(lambda e: e["topic"] == "refused" and e["cause"] == "ue-not-found")
        self.assertEqual(self.c.settle(self.imsi), third)

    def test_source_dies_after_11(self):
        source, target = f"enb{self.source}", f"enb{self.target}"
        before = self.c.last_event(source)
        self.c.fault(source, fault="delay", message="12", direction="tx", count=1, delay_ms=60000)
        self.completed()
        self.c.wait_fired(source, before)
        self.c.watch.pop(source).close()
        self.c.lab.stop_node(source, signal.SIGKILL)
        self.watch(self.target).wait_event(lambda e: e["topic"] == "location_update.sent" and e["enb"] == self.target)
        self.watch(self.target).wait_event(lambda e: e["topic"] == "wraplist.received" and e["step"] == "13")
        third = self.target % 3 + 1
        self.assertEqual(self.c.ping(self.imsi), self.target)
        self.assertEqual(self.c.node("mme").call("ue.show", ue=self.imsi)["serving"], self.target)
        wait_until([self.watch(self.target)], lambda: self.usable(target, third), 10, "a list in hand")
        self.assertEqual(self.c.handover(self.imsi, self.target, third)[0], "completed")
        self.c.lab.start_node(source)
        self.c.subscribe(source)
        # On SCTP in UDP the UE may hold the dead cell's association for a while yet.
        self.c.watch["ue"].wait_event(lambda e: e["topic"] == "cell.up" and e["enb"] == self.source)
        self.c.associated()
        self.assertEqual(self.c.settle(self.imsi), third)

    def usable(self, enb, target):
        return any(e["usable"] and e["enb"] == target
                   for e in self.c.node(enb).call("wraplist.show", ue=self.imsi)["items"])

    def test_mme_away(self):
        self.c.watch.pop("mme").close()
        self.c.lab.stop_node("mme")
        self.completed()
        self.assertEqual(self.c.ping(self.imsi), self.target)
        self.c.lab.start_node("mme")
        self.c.subscribe("mme")
        self.c.associated(20)
        self.assertEqual(self.c.settle(self.imsi, 20), self.target)


class Captured(LabTest):
    """enb1 is the attacker's, and was the source of a handover to enb2, which is honest. It has 11 in hand. The UE is
    one whose 10 the test sends itself."""

    def setUp(self):
        self.labs = self.lab(start=False, enbs=3, transport="tcp", mme=SOURCE,
                             extra={"*enb": "lab: {faults: true}\n" f"handover: {{list_wait: {ms(600)}}}\n"})
        self.labs.start()
        self.imsi = self.labs.imsis[0]
        self.mme, self.enb2 = self.labs.node("mme"), self.labs.node("enb2")
        self.mme.subscribe()
        self.labs.stop_node("enb1")
        self.evil = EvilEnb(self.labs, "enb1", 1).join()
        self.addCleanup(self.evil.close)
        self.x2 = self.evil.neighbour("enb2")
        self.addCleanup(self.x2.close)
        self.enb2.subscribe()

    def hand_over(self, alone=True):
        """Messages 3 to 11. `alone`: enb2 shall not send 12 itself."""
        if alone:
            self.enb2.call("fault.set", fault="drop", message="12", direction="tx", count=0)
        ue = RogueUe(self.evil, self.imsi, *self.labs.subscribers[self.imsi][:2]).attach()
        generation, entries = self.evil.list_for(ue.mme_ue_id, [2, 3])
        _, h_key = ue.h_key()
        key = {1: generation, 2: entries[2][2], 3: entries[2][3]}
        self.x2.send(7, {1: 1, 2: ue.mme_ue_id, 3: key, 4: {1: 4, 2: 4}, 5: self.imsi})
        response = self.x2.expect(8)[1]
        self.evidence = ue.uplink(pack({33: {1: 2, 2: generation}}))
        uu, answer = confirm(self.labs, self.evil.address, "enb2", response[3], kenb_for(h_key, 2), self.evidence)
        self.addCleanup(uu.close)
        self.assertEqual(answer[0], 32)
        location = unpack(self.x2.expect(11)[1][3])
        self.assertEqual(location[1], self.evidence)
        self.assertEqual(location[2], packed([1, 3]))
        self.ue_id, self.generation = ue.mme_ue_id, generation

    def update(self, evidence=None, serving=2):
        """Message 12 in place of an honest source."""
        self.evil.s1.send(12, {1: self.ue_id, 2: evidence or self.evidence, 3: packed([1, 3]), 4: serving})

    def serving(self):
        return self.mme.call("ue.show", ue=self.imsi)["serving"]

    def entries(self):
        return self.enb2.call("wraplist.show", ue=self.imsi)["items"]

    def event(self, node, topic, **fields):
        return node.wait_event(lambda e: e["topic"] == topic and all(e.get(k) == v for k, v in fields.items()))

    def recovered(self, step="13"):
        """enb2 has a list of the MME's, without the old source."""
        came = self.event(self.enb2, "wraplist.received", step=step)
        self.event(self.enb2, "hkey.relayed", gen=came["gen"])
        self.assertTrue(all(e["usable"] and e["generation"] == came["gen"] for e in self.entries()))
        self.assertEqual(self.serving(), 2)

    def test_as_it_should_be(self):
        self.hand_over()
        self.update()
        _, new = self.evil.s1.expect(13)
        self.assertEqual((new[5], new[6].decode()), (2, self.imsi))
        entries = {unpack(e)[1]: unpack(e) for e in new[-3]}
        self.assertEqual(set(entries), {1, 3})
        # The entry for another cell is bound to the eNodeB that serves now: the old source has no use for it.
        with self.subTest("stolen"):
            x2 = self.evil.neighbour("enb3")
            self.addCleanup(x2.close)
            x2.send(7, {1: 9, 2: self.ue_id, 3: {1: new[2], 2: entries[3][2], 3: entries[3][3]}, 4: {1: 4, 2: 4}})
            self.assertEqual(x2.expect(8, 23)[0], 23)
            self.assertEqual(self.refused(self.labs.node("enb3"), "unwrap-failed"), 1)
        self.x2.send(13, {1: self.ue_id, 2: new[2], 3: new[-3]})
        self.assertEqual(self.event(self.enb2, "wraplist.received")["gen"], new[2])
        self.assertTrue(all(e["usable"] for e in self.entries()))
        self.assertEqual(self.serving(), 2)

    def test_it_withholds_12(self):
        self.hand_over(alone=False)
        self.recovered()

    def test_it_withholds_13(self):
        self.hand_over(alone=False)
        self.update()
        self.event(self.enb2, "wraplist.received")
        self.assertEqual(self.serving(), 2)

    def test_it_lies_in_12(self):
        """The MME does not believe it, says nothing to it, and the evidence is good still."""
        self.hand_over()
        flipped = self.evidence[:-1] + bytes([self.evidence[-1] ^ 1])
        for cause, lie in {"bad-evidence": {"serving": 3}, "not-owner": {"serving": 77},
                           "bad-nas-mac": {"evidence": flipped}}.items():
            with self.subTest(cause):
                self.update(**lie)
                self.event(self.mme, "refused", cause=cause)
        with self.subTest("as another NAS message"):
            self.evil.s1.send(25, {1: self.ue_id, 2: self.evidence})
            self.event(self.mme, "refused", cause="bad-nas-pdu")
        self.assertEqual(self.serving(), 1)
        self.enb2.call("fault.clear")
        self.recovered()
        with self.subTest("replayed"):
            self.update()
            self.event(self.mme, "refused", cause="not-owner")
            self.assertEqual(self.serving(), 2)

    def test_it_forges_13(self):
        """A generation that the MME has not named is not believed, and stands in the way of none that it does."""
        self.hand_over()
        for generation in (1 << 62, self.generation + 1):
            self.x2.send(13, {1: self.ue_id, 2: generation, 3: [{1: 3, 2: 1, 3: bytes(44)}]})
        self.x2.send(26, {1: 1})
        self.x2.expect(26)
        self.assertEqual(self.entries(), [])
        self.enb2.call("fault.clear")
        came = self.event(self.enb2, "wraplist.received", step="13")
        wait_until([self.enb2], lambda: any(e["usable"] for e in self.entries()), 10, "a list in hand")
        self.assertLess(came["gen"], 1 << 62)
        with self.subTest("an old one"):
            self.x2.send(13, {1: self.ue_id, 2: 1, 3: [{1: 3, 2: 1, 3: bytes(44)}]})
            self.event(self.enb2, "refused", cause="stale-list")

    def test_it_spoils_13(self):
        """With the right generation: the target refuses, the UE stays, and a new list comes from the MME."""
        self.hand_over()
        self.update()
        _, new = self.evil.s1.expect(13)
        self.x2.send(13, {1: self.ue_id, 2: new[2], 3: [{1: 3, 2: unpack(new[3])[2], 3: bytes(44)}]})
        self.event(self.enb2, "wraplist.received", gen=new[2])
        with self.assertRaises(KeyhopError) as caught:
            self.enb2.call("handover.start", ue=self.imsi, target="enb3", wait=True)
        self.assertEqual(caught.exception.name, "UNWRAP_FAILED")
        self.recovered("4")

    def test_another_eNodeB_hands_13_on(self):
        self.labs.stop_node("enb3")
        third = EvilEnb(self.labs, "enb3", 1)
        x2 = third.neighbour("enb2")
        self.addCleanup(x2.close)
        self.hand_over()
        x2.send(13, {1: self.ue_id, 2: self.generation + 1})
        self.event(self.enb2, "refused", cause="not-owner")


class ByTarget(LabTest):
    def test_an_mme_that_wants_12_of_the_target_takes_no_other(self):
        """The default: the source neither gets the evidence nor is believed."""
        lab = self.lab(enbs=2)
        lab.attach_all()
        self.assertEqual(lab.node("enb1").call("scheme.get")["location_update"], "target")
        enb2 = lab.node("enb2")
        enb2.subscribe(topics=["location_update."])
        lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        self.assertEqual(enb2.wait_event(lambda e: True)["enb"], 2)


if __name__ == "__main__":
    unittest.main()
