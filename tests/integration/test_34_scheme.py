"""scheme.set and config.reload: another wrap, other lengths and another input of KeNB while UEs are served."""

import unittest

from labtest import KeyhopError, LabTest


class SchemeTest(LabTest):
    FAULTS = dict.fromkeys(["mme", "*enb", "ue"], "lab: {faults: true}\n")

    def start(self, **options):
        """A lab whose UEs are attached at enb1, the first with a usable list."""
        lab = self.lab(extra=self.FAULTS, **options)
        enb1 = lab.node("enb1")
        enb1.subscribe(since=0, ue=lab.imsis[0])
        lab.attach_all()
        enb1.wait_event(lambda e: e["topic"] == "hkey.relayed")
        lab.node("mme").subscribe()
        return lab

    def in_force(self, mme, *enbs, **wanted):
        """Waits until it is so at these eNodeBs, each once."""
        text = f"wrap={wanted.get('wrap', 'aes-gcm')} enb_key_bits={wanted.get('bits', 128)}"
        left = set(enbs)
        while left:
            left.remove(mme.wait_event(lambda e: e["topic"] == "scheme.in_force" and e["detail"] == text
                                       and e["enb"] in enbs)["enb"])
        self.assertFalse(set(enbs) & set(mme.call("scheme.get")["pending"]))

    def push(self, lab, enb="enb1"):
        """A new list that is usable; {eNB_ID: wrap, "" for one that is left out}."""
        mme, node, imsi = lab.node("mme"), lab.node(enb), lab.imsis[0]
        node.subscribe(ue=imsi)
        generation = mme.call("wraplist.push", ue=imsi)["generation"]
        node.wait_event(lambda e: e["topic"] == "hkey.relayed" and e["gen"] == generation)
        return {i["enb"]: i["wrap"] for i in mme.call("wraplist.show", ue=imsi)["items"]}

    def move(self, lab, source, target):
        """By the list in hand: no second one is asked for."""
        node, imsi = lab.node(source), lab.imsis[0]
        node.subscribe(topics=["handover."], ue=imsi)
        lab.node("mme").subscribe(topics=["wraplist.sent", "scheme.in_force", "enbkey."])
        node.call("handover.start", ue=imsi, target=target)
        done = node.wait_event(lambda e: e["topic"] in ("handover.completed", "handover.failed"))
        self.assertEqual(done["topic"], "handover.completed", done)
        lab.node("mme").wait_event(lambda e: e["topic"] == "wraplist.sent" and e["step"] == "13")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["outcome"], "completed")

    def key_of(self, lab, node, **tags):
        """Octets of the newest key in a node's keylog with these tags."""
        found = None
        for line in (lab.path / f"{node}.keylog").read_text().splitlines():
            name, *rest, octets = line.split()
            have = dict(pair.split("=") for pair in rest) | {"name": name}
            if all(have.get(k) == str(v) for k, v in tags.items()):
                found = bytes.fromhex(octets)
        return found


class Set(SchemeTest):
    def test_a_wrap_takes_effect_with_a_new_key(self):
        lab = self.start(enbs=3)
        mme, imsi = lab.node("mme"), lab.imsis[0]
        before = {k["enb"]: k["kid"] for k in mme.call("enbkey.list")["items"]}
        answer = mme.call("scheme.set", wrap="aes-kw")
        self.assertEqual((answer["wrap"], sorted(answer["pending"])), ("aes-kw", [1, 2, 3]))
        self.in_force(mme, 1, 2, 3, wrap="aes-kw")
        for key in mme.call("enbkey.list")["items"]:
            self.assertEqual((key["wrap"], key["bits"]), ("aes-kw", 128))
            self.assertGreater(key["kid"], before[key["enb"]])
        for name in ("enb1", "enb2", "enb3"):
            self.assertEqual(lab.node(name).call("scheme.get")["wrap"], "aes-kw")
        # The list in hand was wrapped in the old way, under a key that is good for a while.
        shown = mme.call("wraplist.show", ue=imsi)
        self.assertEqual({(i["wrap"], i["kid_in_use"]) for i in shown["items"]}, {("aes-gcm", False)})
        self.move(lab, "enb1", "enb2")
        self.assertEqual({i["wrap"] for i in mme.call("wraplist.show", ue=imsi)["items"]}, {"aes-kw"})
        self.move(lab, "enb2", "enb3")
        # What is set already is no change.
        kids = {k["kid"] for k in mme.call("enbkey.list")["items"]}
        self.assertEqual(mme.call("scheme.set", wrap="aes-kw")["pending"], [])
        self.assertEqual({k["kid"] for k in mme.call("enbkey.list")["items"]}, kids)

    def test_lengths_and_input(self):
        lab = self.start(enbs=2)
        mme, imsi = lab.node("mme"), lab.imsis[0]
        self.assertEqual(mme.call("scheme.set", h_key_bits=256, kenb_input="literal")["pending"], [])
        self.assertEqual(self.push(lab), {2: "aes-gcm"})
        generation = mme.call("wraplist.show", ue=imsi)["generation"]
        self.assertEqual(len(self.key_of(lab, "mme", name="h_key", gen=generation)), 32)
        self.move(lab, "enb1", "enb2")
        kenb = self.key_of(lab, "enb2", name="kenb", gen=generation)
        self.assertEqual(len(kenb), 32)
        self.assertEqual(kenb, self.key_of(lab, "ue", name="kenb", gen=generation))
        mme.subscribe()
        self.assertCountEqual(mme.call("scheme.set", enb_key_bits=256)["pending"], [1, 2])
        self.in_force(mme, 1, 2, bits=256)
        self.assertEqual(len(self.key_of(lab, "enb1", name="mme_enb_key")), 32)
        self.move(lab, "enb2", "enb1")

    def test_refusals(self):
        lab = self.start(enbs=2)
        mme = lab.node("mme")
        before = mme.call("scheme.get")
        self.assertEqual(before["settable"], ["wrap", "h_key_bits", "enb_key_bits", "kenb_input"])
        for wrong in ({"wrap": "rot13"}, {"h_key_bits": 192}, {"kenb_input": "aes-kw"}, {"enb_key_bits": 128, "wrap": ""}):
            self.named("INVALID_PARAMS", mme.call, "scheme.set", **wrong)
        with self.assertRaises(KeyhopError) as caught:
            mme.call("scheme.set", wrap="aes-block", h_key_bits=256, kenb_input="literal")
        self.assertEqual(caught.exception.name, "CONFIG")
        self.assertIn("128-bit KeNB only", str(caught.exception))
        self.assertEqual(mme.call("scheme.get"), before)

    def test_an_enodeb_that_is_away_has_it_when_it_is_back(self):
        lab = self.start(enbs=2)
        mme, enb2 = lab.node("mme"), lab.node("enb2")
        enb2.call("mme.disconnect")
        mme.wait_event(lambda e: e["topic"] == "enb.down")
        self.assertEqual(mme.call("scheme.set", wrap="aes-kw")["pending"], [1])
        self.in_force(mme, 1, wrap="aes-kw")
        # The key that it had is used on as it was.
        self.assertEqual(self.push(lab), {2: "aes-gcm"})
        mme.subscribe()
        enb2.call("mme.connect")
        self.in_force(mme, 2, wrap="aes-kw")
        self.assertEqual(self.push(lab), {2: "aes-kw"})
        self.move(lab, "enb1", "enb2")

    def test_while_an_older_key_is_on_its_way(self):
        lab = self.start(enbs=2)
        mme, enb2 = lab.node("mme"), lab.node("enb2")
        enb2.subscribe(topics=["fault.fired"])
        enb2.call("fault.set", fault="drop", message="s1.enb_key_ack", direction="tx", count=1)
        first = mme.call("enbkey.rotate", enb="enb2")["kid"]
        enb2.wait_event(lambda e: e["topic"] == "fault.fired")
        mme.call("scheme.set", wrap="aes-kw")
        # It is acknowledged at last, and is not what is wanted any more.
        mme.wait_event(lambda e: e["topic"] == "enbkey.acknowledged" and e["kid"] == first)
        self.in_force(mme, 2, wrap="aes-kw")
        self.assertEqual(self.push(lab), {2: "aes-kw"})
        self.move(lab, "enb1", "enb2")

    def test_a_key_too_long_for_the_wrap_in_use_waits_for_the_next(self):
        lab = self.start(enbs=3, mme={"wrap": "aes-block"})
        mme, enb1, imsi = lab.node("mme"), lab.node("enb1"), lab.imsis[0]
        lab.node("enb2").call("fault.set", fault="drop", message="s1.enb_key_ack", direction="tx", count=0)
        self.assertCountEqual(mme.call("scheme.set", wrap="aes-gcm", h_key_bits=256)["pending"], [1, 2, 3])
        self.in_force(mme, 1, 3)
        self.assertEqual(mme.call("scheme.get")["pending"], [2])
        self.assertEqual(self.push(lab), {2: "", 3: "aes-gcm"})
        left_out = mme.call("wraplist.show", ue=imsi)["generation"]
        mme.subscribe()
        lab.node("enb2").call("fault.clear")
        self.in_force(mme, 2)
        enb1.wait_event(lambda e: e["topic"] == "hkey.relayed" and e["gen"] > left_out)
        self.move(lab, "enb1", "enb2")


class Reload(SchemeTest):
    def test_as_scheme_set_does(self):
        lab = self.start(enbs=2)
        mme, file = lab.node("mme"), lab.path / "mme.yaml"
        text = file.read_text()
        file.write_text(text + "wrap: aes-kw\nkenb_input: literal\nlocation_update: source\n")
        result = mme.call("config.reload")
        self.assertEqual((set(result["applied"]), result["needs_restart"]), ({"wrap", "kenb_input"}, ["location_update"]))
        self.in_force(mme, 1, 2, wrap="aes-kw")
        self.assertEqual(mme.call("scheme.get")["kenb_input"], "literal")
        self.assertEqual(self.push(lab), {2: "aes-kw"})
        self.move(lab, "enb1", "enb2")
        # What scheme.set said lasts until the file is read again.
        mme.call("scheme.set", wrap="aes-gcm")
        self.assertEqual(mme.call("config.reload")["applied"], ["wrap"])
        self.assertEqual(mme.call("scheme.get")["wrap"], "aes-kw")

    def test_what_does_not_go_together_changes_nothing(self):
        lab = self.start(enbs=2)
        mme, file = lab.node("mme"), lab.path / "mme.yaml"
        text = file.read_text()
        file.write_text(text.replace("level: info", "level: debug") + "wrap: aes-block\nh_key_bits: 256\n")
        before = mme.call("config.get")
        for method in ("config.check", "config.reload"):
            with self.assertRaises(KeyhopError) as caught:
                mme.call(method)
            self.assertEqual(caught.exception.name, "CONFIG")
            self.assertIn("128-bit KeNB only", str(caught.exception))
        self.assertEqual(mme.call("config.get"), before)
        self.assertEqual(mme.call("log.get")["mme"], "info")


if __name__ == "__main__":
    unittest.main()
