"""Lists that nobody asked for with a 3: on the operator's word, and for a UE that has left meanwhile."""

import unittest

from labtest import LabTest  # first: it finds the other
from keyhop import wait_until


class ListTest(LabTest):
    FAULTS = dict.fromkeys(["mme", "*enb", "ue"], "lab: {faults: true}\n")

    def usable(self, enb, after=0):
        """The generation of a usable list above `after`."""
        return enb.wait_event(lambda e: e["topic"] == "hkey.relayed" and e["gen"] > after)["gen"]

    def ready(self, lab, name="enb1"):
        """All UEs are attached, and the first has a usable list; its cell."""
        enb = lab.node(name)
        enb.subscribe(since=0, ue=lab.imsis[0])
        lab.attach_all(name)
        self.usable(enb)
        return enb

    def log(self, lab, name):
        return (lab.path / f"{name}.log").read_text()


class Wraplists(ListTest):
    def test_what_was_sent_and_once_more(self):
        lab = self.lab(enbs=3, extra=self.FAULTS)
        enb1, imsi = self.ready(lab), lab.imsis[0]
        mme, ue = lab.node("mme"), lab.node("ue")
        mme.subscribe(since=0)
        keys = {(e["enb"], e["gen"]): e["fp"] for e in self.events(mme) if e["topic"] == "kenb.derived"}
        h_keys = {e["gen"]: e["fp"] for e in self.events(mme) if e["topic"] == "hkey.picked"}
        shown = mme.call("wraplist.show", ue=imsi)
        self.assertEqual((shown["ue"], shown["step"], shown["to"]), (imsi, "4", 1))
        self.assertEqual(shown["h_key_fp"], h_keys[shown["generation"]])
        in_use = {k["enb"]: k["kid"] for k in mme.call("enbkey.list")["items"]}
        self.assertEqual({i["enb"] for i in shown["items"]}, {2, 3})
        for item in shown["items"]:
            self.assertEqual((item["sent"], item["kid"], item["kid_in_use"], item["wrap"]),
                             (True, in_use[item["enb"]], True, "aes-gcm"))
            self.assertEqual(item["kenb_fp"], keys[item["enb"], shown["generation"]])
        self.assertEqual({(i["enb"], i["kid"]) for i in enb1.call("wraplist.show", ue=imsi)["items"]},
                         {(i["enb"], i["kid"]) for i in shown["items"]})
        # What is sent again is never the same: its keys are wiped.
        pushed = mme.call("wraplist.push", ue=imsi)["generation"]
        self.assertGreater(pushed, shown["generation"])
        self.assertEqual(self.usable(enb1, shown["generation"]), pushed)
        again = mme.call("wraplist.show", ue=imsi)
        self.assertEqual({i["enb"] for i in again["items"]}, {2, 3})
        self.assertFalse({i["kenb_fp"] for i in again["items"]} & {i["kenb_fp"] for i in shown["items"]})
        done = enb1.call("handover.start", ue=imsi, target="enb3", wait=True)
        self.assertEqual(done["generation"], pushed)
        self.assertEqual(lab.node("enb3").call("ue.show", ue=imsi)["kenb_fp"],
                         {i["enb"]: i["kenb_fp"] for i in again["items"]}[3])
        mme.wait_event(lambda e: e["topic"] == "wraplist.sent" and e["step"] == "13")
        moved = mme.call("wraplist.show", ue=imsi)
        self.assertEqual((moved["step"], moved["to"], {i["enb"] for i in moved["items"]}), ("13", 3, {1, 2}))
        mme.call("enbkey.rotate", enb="enb1")
        mme.wait_event(lambda e: e["topic"] == "enbkey.acknowledged" and e["kid"] > max(in_use.values()))
        stale = {i["enb"]: i["kid_in_use"] for i in mme.call("wraplist.show", ue=imsi)["items"]}
        self.assertEqual(stale, {1: False, 2: True})
        ue.call("detach", ue=imsi, wait=True)
        mme.wait_event(lambda e: e["topic"] == "ue.released")
        self.named("UE_NOT_FOUND", mme.call, "wraplist.show", ue=imsi)

    def events(self, node):
        """All that came so far."""
        seq = node.call("events.subscribe", since=0)["seq"]
        while not node.events or node.events[-1]["seq"] < seq:
            node._take(node._read(float("inf")))
        return list(node.events)

    def test_none_is_known_after_a_restart(self):
        lab = self.lab(enbs=2)
        self.ready(lab)
        lab.stop_node("mme")
        lab.start_node("mme")
        mme, imsi = lab.node("mme"), lab.imsis[0]
        self.assertEqual(mme.call("ue.show", ue=imsi)["state"], "attached")
        self.named("NOT_FOUND", mme.call, "wraplist.show", ue=imsi)
        self.named("NOT_FOUND", mme.call, "wraplist.push", ue=imsi)


class LateKey(ListTest):
    """An eNodeB that acknowledges its MME-eNB_key when lists were made without it."""

    def test_becomes_a_target_by_itself(self):
        lab = self.lab(enbs=3, ues=40, extra=self.FAULTS, start=False)
        lab.prepare()
        for name in ("mme", "enb1", "enb3"):
            lab.start_node(name)
        mme, imsi = lab.node("mme"), lab.imsis[0]
        mme.subscribe(since=0, topics=["enbkey.acknowledged"])
        acknowledged = {mme.wait_event(lambda e: e["topic"] == "enbkey.acknowledged")["enb"] for _ in range(2)}
        self.assertEqual(acknowledged, {1, 3})
        mme.call("fault.set", fault="drop", message="s1.enb_key_ack", direction="rx", count=0)
        for name in ("enb2", "ue"):
            lab.start_node(name)
        lab.until_ready()
        enb1 = self.ready(lab)
        before = mme.call("wraplist.show", ue=imsi)
        self.assertEqual(self.sent(mme, imsi), {2: False, 3: True})
        self.named("NO_WRAPPED_KEY", enb1.call, "handover.start", ue=imsi, target="enb2")
        mme.subscribe(since=0, topics=["enbkey.acknowledged", "wraplist.sent"])
        mme.call("fault.clear")
        mme.wait_event(lambda e: e["topic"] == "enbkey.acknowledged" and e["enb"] == 2)
        self.usable(enb1, before["generation"])
        enb1.subscribe(topics=["handover."])
        enb1.call("handover.start", ue=imsi, target="enb2")
        self.assertEqual(enb1.wait_event(lambda e: e["topic"] in ("handover.completed", "handover.failed"))["topic"],
                         "handover.completed")
        mme.wait_event(lambda e: e["topic"] == "wraplist.sent" and e["step"] == "13")
        # So can all others.
        for other in lab.imsis[1:]:
            wait_until([mme], lambda o=other: self.sent(mme, o) == {2: True, 3: True})
        # A key that only takes the place of another is no reason.
        newest = max(ue["generation"] for ue in mme.call("ue.list")["items"])
        mme.subscribe(topics=["enbkey.acknowledged"])
        mme.call("enbkey.rotate", enb="enb3")
        mme.wait_event(lambda e: e["enb"] == 3)
        self.assertEqual(mme.call("wraplist.push", ue=lab.imsis[1])["generation"], newest + 1)

    def sent(self, mme, imsi):
        return {i["enb"]: i["sent"] for i in mme.call("wraplist.show", ue=imsi)["items"]}


class Overtaken(ListTest):
    """4 and 5 come to a cell that the UE has left, before the MME has heard of that."""

    def test_between_11_and_12(self):
        lab = self.lab(enbs=2, extra=self.FAULTS)
        enb1, imsi = self.ready(lab), lab.imsis[0]
        mme, enb2 = lab.node("mme"), lab.node("enb2")
        before = mme.call("ue.show", ue=imsi)
        mme.subscribe(topics=["enb.", "location_update.", "ue."])
        enb2.call("mme.disconnect")
        mme.wait_event(lambda e: e["topic"] == "enb.down")
        enb1.call("handover.start", ue=imsi, target="enb2", wait=True)
        self.assertEqual(mme.call("ue.show", ue=imsi)["serving"], 1)
        mme.call("hkey.issue", ue=imsi, enbs=[2])
        enb1.subscribe(since=0, topics=["refused"])
        for number in ("message 4 ", "message 24 "):
            refused = enb1.wait_event(lambda e: e.get("detail", "").startswith(number))
            self.assertEqual(refused["cause"], "ue-not-found")
        enb2.call("mme.connect")
        mme.wait_event(lambda e: e["topic"] == "location_update.received")
        now = mme.call("ue.show", ue=imsi)
        self.assertEqual((now["mme_ue_id"], now["serving"], now["state"]), (before["mme_ue_id"], 2, "attached"))
        self.assertNotIn("reports cause=", self.log(lab, "mme"))
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["serving"], 2)

    def test_between_9_and_11(self):
        lab = self.lab(enbs=2, extra=self.FAULTS)
        enb1, imsi = self.ready(lab), lab.imsis[0]
        mme, enb2, ue = lab.node("mme"), lab.node("enb2"), lab.node("ue")
        mme.subscribe(topics=["enb.", "location_update."])
        ue.subscribe(topics=["handover.executed"])
        enb1.call("fault.set", fault="drop", message="11", direction="rx", count=1)
        enb2.call("mme.disconnect")
        mme.wait_event(lambda e: e["topic"] == "enb.down")
        moving = enb1.send("handover.start", ue=imsi, target="enb2", wait=True)
        ue.wait_event(lambda e: True)
        mme.call("hkey.issue", ue=imsi, enbs=[2])
        enb1.subscribe(since=0, topics=["refused"])
        for what in ("4 wrapped_key_list in state", "downlink_nas in state"):
            refused = enb1.wait_event(lambda e: e.get("detail", "").startswith(what))
            self.assertEqual(refused["cause"], "bad-state")
        self.assertEqual(enb1.answer(moving, 30)["outcome"], "completed")
        enb2.call("mme.connect")
        mme.wait_event(lambda e: e["topic"] == "location_update.received")
        self.assertNotIn("reports cause=", self.log(lab, "mme"))
        self.assertEqual(ue.call("traffic.ping", ue=imsi)["serving"], 2)


if __name__ == "__main__":
    unittest.main()
