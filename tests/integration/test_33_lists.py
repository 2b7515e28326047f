"""Lists that nobody asked for with a 3: on the operator's word, and for a UE that has left meanwhile."""

import unittest

from labtest import LabTest


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
