"""Handovers: chains, ping-pong, by command and by measurement, refusals."""

import subprocess
import sys
import unittest

from labtest import ROOT, LabTest


class Handover(LabTest):
    def move(self, lab, source, target):
        imsi = lab.imsis[0]
        ue = lab.node("ue")
        ue.subscribe(topics=["handover.executed"])
        result = lab.node(source).call("handover.start", ue=imsi, target=target, wait=True)
        self.assertEqual(result["outcome"], "completed")
        ue.wait_event(lambda e: e["topic"] == "handover.executed")
        mine, theirs = ue.call("ue.show", ue=imsi), lab.node(target).call("ue.show", ue=imsi)
        self.assertEqual(mine["kenb_fp"], theirs["kenb_fp"])
        self.assertEqual(mine["generation"], result["generation"])
        self.assertEqual(ue.call("traffic.ping", ue=imsi)["serving"], int(target[3:]))
        keys = {k["name"]: k["fp"] for k in ue.call("key.list", ue=imsi)["items"] if k["name"].startswith("k_rrc")}
        held = {k["name"]: k["fp"] for k in lab.node(target).call("key.list", ue=imsi)["items"]}
        for name, fp in keys.items():
            self.assertEqual(held[name], fp)
        return mine["kenb_fp"], mine["generation"]

    def test_ping_pong_has_four_keys(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        seen = [self.move(lab, a, b) for a, b in [("enb1", "enb2"), ("enb2", "enb1")] * 2]
        self.assertEqual(len({fp for fp, _ in seen}), 4)
        generations = [g for _, g in seen]
        self.assertEqual(generations, sorted(set(generations)))
        self.assertEqual(lab.node("enb2").call("ue.list")["items"], [])

    def test_refusals_by_name(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        enb, imsi = lab.node("enb1"), lab.imsis[0]
        self.named("UE_NOT_FOUND", enb.call, "handover.start", ue="001010000000099", target="enb2", wait=True)
        self.named("NOT_A_NEIGHBOUR", enb.call, "handover.start", ue=imsi, target="enb9", wait=True)
        lab.stop_node("enb2")
        enb.subscribe(since=0, topics=["x2.down"])
        enb.wait_event(lambda e: e["topic"] == "x2.down")
        self.named("TARGET_UNREACHABLE", enb.call, "handover.start", ue=imsi, target="enb2", wait=True)
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["outcome"], "completed")

    def test_user_data_waits_for_the_end_of_a_handover(self):
        lab = self.lab(enbs=2, extra={"ue": "handover: {confirm_tries: 20}\n", "enb2": "lab: {faults: true}\n"})
        lab.attach_all()
        ue, target, imsi = lab.node("ue"), lab.node("enb2"), lab.imsis[0]
        ue.subscribe(topics=["handover.commanded", "handover.executed"])
        for message in ("rrc.handover_confirm_ack", "rrc.dl_information_transfer"):  # either says that 10 has come
            target.call("fault.set", fault="drop", message=message, count=0)
        lab.node("enb1").call("handover.start", ue=imsi, target="enb2", wait=True)
        ue.wait_event(lambda e: e["topic"] == "handover.commanded")
        ping = ue.send("traffic.ping", ue=imsi)
        self.assertEqual(ue.call("ue.show", ue=imsi)["state"], "moving")
        self.named("BUSY", ue.call, "traffic.ping", ue=imsi)
        target.call("fault.clear")
        self.assertEqual(ue.answer(ping)["serving"], 2)
        self.assertIn("handover.executed", [e["topic"] for e in ue.events])

    def test_mme_away_during_a_handover(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        enb, imsi = lab.node("enb1"), lab.imsis[0]
        enb.subscribe(since=0)
        enb.wait_event(lambda e: e["topic"] == "hkey.relayed")
        lab.stop_node("mme")
        enb.wait_event(lambda e: e["topic"] == "tunnel.down")
        self.assertEqual(enb.call("handover.start", ue=imsi, target="enb2", wait=True)["outcome"], "completed")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["serving"], 2)

    def test_rotation_of_the_enb_key(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        enb2 = lab.node("enb2")
        enb2.subscribe(since=0)
        enb2.wait_event(lambda e: e["topic"] == "enbkey.installed")
        kid = lab.node("mme").call("enbkey.rotate", enb="enb2")["kid"]
        enb2.wait_event(lambda e: e["topic"] == "enbkey.installed" and e["kid"] == kid)
        # The entry in hand was wrapped under the previous key and opens within the grace time.
        self.move(lab, "enb1", "enb2")


class Keys(unittest.TestCase):
    """The demo's keylogs, recomputed by an independent program."""

    def demo(self, *args):
        import tempfile, os

        with tempfile.TemporaryDirectory(prefix="kh") as out:
            demo = [sys.executable, str(ROOT / "scripts/demo.py"), "--out", out, "--build", os.environ["KEYHOP_BUILD"]]
            done = subprocess.run(demo + list(args), capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            done = subprocess.run([sys.executable, str(ROOT / "scripts/verify.py"), out], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertRegex(done.stdout, r"(?m)^OK  \d+ checks$")

    def test_default(self):
        self.demo("--ues", "3")

    def test_256_bits_literal(self):
        self.demo("--h-key-bits", "256", "--kenb-input", "literal")

    def test_aes_kw(self):
        self.demo("--wrap", "aes-kw", "--h-key-bits", "256")

    def test_aes_block_literal(self):
        self.demo("--wrap", "aes-block", "--kenb-input", "literal")

    def test_location_update_of_the_source(self):
        self.demo("--location-update", "source", "--ues", "3")

    def test_many(self):
        self.demo("--enbs", "5", "--ues", "100", "--moves", "4")


if __name__ == "__main__":
    unittest.main()
