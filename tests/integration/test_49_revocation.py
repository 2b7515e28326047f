"""Certificates that are revoked, renewed, about to end: what the daemons do without a restart."""

import os
import signal
import subprocess
import unittest
from datetime import datetime

from labtest import ROOT, LabTest
from keyhop import wait_until

PKI = str(ROOT / "scripts/pki")


def pki(folder, *args):
    return subprocess.run([PKI, str(folder), *map(str, args)], check=True, capture_output=True, text=True).stdout


def serials(lab, name, state="V"):
    return [w[2] for w in map(str.split, pki(lab.path, "list").splitlines()) if w[0] == state and w[3] == name]


class Revocation(LabTest):
    def setUp(self):
        self.kept = {}

    def watched(self, prepared=lambda lab: None, **options):
        """A lab, and a connection with events to each of its nodes; prepared(lab) may change its files."""
        lab = self.lab(start=False, **options)
        lab.prepare()
        prepared(lab)
        for name in lab.names():
            lab.start_node(name)
        lab.until_ready()
        for name in lab.names():
            lab.node(name).subscribe(since=0)
        return lab

    def wait(self, node, topic, **members):
        """The first such event that nobody waited for yet; others are kept."""
        kept = self.kept.setdefault(node, [])

        def fits(e):
            said = members.get("said", "") in e.get("detail", "")
            return e["topic"] == topic and said and all(e.get(k) == v for k, v in members.items() if k != "said")

        for e in kept:
            if fits(e):
                kept.remove(e)
                return e
        return node.wait_event(lambda e: fits(e) or kept.append(e), 20)

    def topics(self, node):
        node.pump()
        return [e["topic"] for e in self.kept.get(node, []) + list(node.events)]

    def until(self, lab, condition, what):
        return wait_until([lab.node(n) for n in lab.names()], condition, 20, what)

    def attach(self, lab, cells):
        """One UE in each of the cells, with a list in hand."""
        for imsi, cell in zip(lab.imsis, cells):
            lab.node("ue").call("attach", ue=imsi, cell=cell, wait=True)
            self.wait(lab.node("ue"), "ue.attached", ue=imsi)
            self.wait(lab.node(cell), "hkey.relayed", ue=imsi)

    def targets(self, lab, cell, imsi):
        return sorted(e["enb"] for e in lab.node(cell).call("wraplist.show", ue=imsi)["items"])

    def without_list(self, lab, name):
        """A node that looks at no list, as one that somebody else has by now."""
        file = lab.path / f"{name}.yaml"
        file.write_text(file.read_text().replace(", crl: crl.pem", ""))

    def test_a_revoked_enb(self):
        lab = self.watched(enbs=3, ues=2, prepared=lambda lab: self.without_list(lab, "enb2"))
        mme, enb1, enb2, ue = (lab.node(n) for n in ("mme", "enb1", "enb2", "ue"))
        self.attach(lab, ["enb1", "enb2"])
        self.assertEqual(self.targets(lab, "enb1", lab.imsis[0]), [2, 3])
        pki(lab.path, "revoke", "enb2", "keyCompromise")
        arrived = os.stat(lab.path / "crl.pem").st_mtime
        erased = self.wait(mme, "enbkey.erased", enb=2)
        after = datetime.fromisoformat(erased["ts"].replace("Z", "+00:00")).timestamp() - arrived
        print(f"key erased {after * 1000:.0f} ms after the list arrived", flush=True)
        self.assertLess(after, 1.0)
        self.assertEqual(erased["cause"], "certificate-revoked")
        # The tunnel and X2 are closed by name, and the next handshake is refused by the same.
        self.wait(mme, "refused", cause="certificate-revoked", detail="s1: keyhop:enb:00101-2")
        self.wait(mme, "enb.down", enb=2)
        self.wait(enb1, "certificate.revoked", enb=2)
        self.wait(enb1, "x2.down", enb=2)
        self.wait(mme, "refused", cause="certificate-revoked", said="certificate of keyhop:enb:00101-2")
        self.wait(enb2, "refused", cause="refused-by-peer")
        # The UE it served is dropped by cause.
        lost = lab.imsis[1]
        self.wait(mme, "ue.lost", ue=lost, enb=2, cause="certificate-revoked")
        self.assertEqual([u["ue"] for u in mme.call("ue.list")["items"]], lab.imsis[:1])
        # Its key is nowhere.
        for method in ("key.list", "enbkey.list"):
            self.assertEqual(sorted(k["enb"] for k in mme.call(method)["items"]), [1, 3])
        self.assertEqual(mme.call("enb.show", enb="enb2")["state"], "revoked")
        self.assertGreater(self.refused(mme, "certificate-revoked"), 1)
        # Handovers to it are refused by name, and new lists leave it out.
        imsi = lab.imsis[0]
        self.named("CERTIFICATE_REVOKED", enb1.call, "handover.start", ue=imsi, target="enb2", wait=True)
        self.assertEqual({n["name"]: n["state"] for n in enb1.call("neighbour.list")["items"]},
                         {"enb2": "revoked", "enb3": "up"})
        enb1.call("wraplist.request", ue=imsi)
        self.until(lab, lambda: self.targets(lab, "enb1", imsi) == [3], "a list without it")
        mme.call("hkey.issue", ue=imsi, enbs=[2, 3])
        self.until(lab, lambda: self.targets(lab, "enb1", imsi) == [3], "a list without it")
        self.until(lab, lambda: all(e["usable"] for e in enb1.call("wraplist.show", ue=imsi)["items"]), "a usable list")
        self.assertEqual(enb1.call("handover.start", ue=imsi, target="enb3", wait=True)["outcome"], "completed")
        # Once nobody plays the cell any more the UE is lost, and attaches elsewhere.
        lab.stop_node("enb2")
        self.wait(ue, "ue.attached", ue=lost)
        self.assertNotEqual(mme.call("ue.show", ue=lost)["serving"], 2)
        # The key of one that is away is erased, too.
        lab.stop_node("enb3")
        self.wait(mme, "enb.down", enb=3)
        self.assertEqual([k["enb"] for k in mme.call("enbkey.list")["items"] if k["enb"] == 3], [3])
        pki(lab.path, "revoke", "enb3")
        self.wait(mme, "enbkey.erased", enb=3)
        self.assertEqual([k["enb"] for k in mme.call("enbkey.list")["items"]], [1])

    def test_revoked_while_the_mme_was_away(self):
        """The store keeps by which certificate an eNodeB was known: its UEs do not wait for one that may not come back."""
        lab = self.watched(enbs=3, ues=2, prepared=lambda lab: self.without_list(lab, "enb2"))
        mme, enb2, ue = (lab.node(n) for n in ("mme", "enb2", "ue"))
        self.attach(lab, ["enb1", "enb2"])
        # A newer certificate of the same process is the one that counts.
        [before] = serials(lab, "enb2")
        pki(lab.path, "renew", "enb2")
        enb2.call("config.reload")
        pki(lab.path, "revoke", before, "superseded")
        self.wait(mme, "certificate.revoked", enb=2, detail="enb2: superseded")
        self.wait(mme, "enb.up", enb=2)
        for reason, known in (("superseded", lab.imsis), ("keyCompromise", lab.imsis[:1])):
            with self.subTest(reason):
                lab.stop_node("mme", signal.SIGKILL)
                [now] = serials(lab, "enb2")
                if reason == "superseded":
                    pki(lab.path, "renew", "enb2")
                pki(lab.path, "revoke", now, reason)
                lab.start_node("mme")
                mme = lab.node("mme")
                mme.subscribe(since=0)
                self.wait(mme, "certificate.revoked", enb=2)
                if reason == "keyCompromise":
                    self.wait(mme, "ue.lost", ue=lab.imsis[1], enb=2, cause="certificate-revoked")
                self.assertEqual(mme.call("enb.show", enb="enb2")["state"], "revoked")
                self.assertEqual([u["ue"] for u in mme.call("ue.list")["items"]], known)
                self.wait(mme, "refused", cause="certificate-revoked", said="certificate of keyhop:enb:00101-2")
                if reason == "superseded":
                    enb2.call("config.reload")
                    self.wait(mme, "enb.up", enb=2)
        lab.stop_node("enb2")
        self.wait(ue, "ue.attached", ue=lab.imsis[1], enb=1)

    def test_an_enb_that_reads_of_itself(self):
        lab = self.watched(enbs=3, ues=1)
        mme, enb2, ue = (lab.node(n) for n in ("mme", "enb2", "ue"))
        self.attach(lab, ["enb2"])
        pki(lab.path, "revoke", "enb2", "cessationOfOperation")
        self.wait(enb2, "certificate.revoked", detail="own certificate")
        # The UE is sent away with the cause, and does not try this cell again by itself.
        imsi = lab.imsis[0]
        self.wait(ue, "ue.released", ue=imsi, cause="certificate-revoked")
        self.assertNotEqual(self.wait(ue, "ue.attached", ue=imsi)["enb"], 2)
        self.assertEqual(enb2.call("key.list")["items"], [])
        self.wait(mme, "enb.down", enb=2)
        self.until(lab, lambda: [u["serving"] for u in mme.call("ue.list")["items"]] in ([1], [3]), "one context")

    def test_a_revoked_mme(self):
        lab = self.watched(enbs=2, ues=0)
        pki(lab.path, "revoke", "mme")
        enb = lab.node("enb1")
        self.wait(enb, "refused", cause="certificate-revoked", detail="s1: keyhop:mme:mme")
        self.wait(enb, "tunnel.down")
        self.wait(lab.node("mme"), "certificate.revoked", detail="own certificate")
        self.wait(enb, "refused", cause="certificate-revoked", said="certificate of keyhop:mme:mme")

    def test_a_renewed_certificate(self):
        lab = self.watched(enbs=2, ues=1)
        mme, enb1, enb2 = (lab.node(n) for n in ("mme", "enb1", "enb2"))
        self.attach(lab, ["enb2"])
        [before] = serials(lab, "enb2")
        pki(lab.path, "renew", "enb2")
        # To look changes nothing.
        for _ in range(2):
            self.assertEqual(enb2.call("config.check")["would_apply"], ["tls.cert"])
        self.assertNotIn("certificate.loaded", self.topics(enb2))
        self.assertIn("tls.cert", enb2.call("config.reload")["applied"])
        self.wait(enb2, "certificate.loaded")
        self.assertEqual(enb2.call("config.check")["would_apply"], [])
        # What is up stays up.
        mme.call("enb.show", enb="enb2")
        self.assertNotIn("enb.down", self.topics(mme))
        self.assertEqual(enb2.call("config.reload")["applied"], [])
        # The one before is revoked: the tunnel goes, comes back with the new one, and the UE is still known.
        first = mme.call("enb.show", enb="enb2")["kid"]
        pki(lab.path, "revoke", before, "superseded")
        self.wait(mme, "enbkey.erased", enb=2, kid=first)
        self.wait(mme, "enb.up", enb=2)
        self.until(lab, lambda: mme.call("enb.show", enb="enb2")["kid"] > first, "a new key")
        self.until(lab, lambda: enb2.call("status")["x2_up"] == 1, "X2")
        self.assertEqual(mme.call("enb.show", enb="enb2")["state"], "up")
        imsi = lab.imsis[0]
        self.assertEqual(enb2.call("handover.start", ue=imsi, target="enb1", wait=True)["outcome"], "completed")
        self.wait(mme, "location_update.received", ue=imsi)
        self.wait(enb1, "hkey.relayed", ue=imsi)
        self.assertEqual(enb1.call("handover.start", ue=imsi, target="enb2", wait=True)["outcome"], "completed")
        self.assertNotIn("ue.lost", self.topics(mme))

    def test_a_wrong_key_is_not_loaded(self):
        lab = self.watched(enbs=2, ues=0)
        enb = lab.node("enb1")
        (lab.path / "enb1.key").write_bytes((lab.path / "enb2.key").read_bytes())
        self.named("CONFIG", enb.call, "config.reload")
        self.assertTrue(enb.call("status")["s1_up"])
        self.assertEqual(self.refused(enb, "config"), 1)

    def replace(self, lab, octets):
        """As mv does it: there is always a whole file."""
        new = lab.path / "crl.new"
        new.write_bytes(octets)
        new.rename(lab.path / "crl.pem")

    def test_bad_lists(self):
        lab = self.watched(enbs=2, ues=0)
        mme = lab.node("mme")
        self.assertRegex(self.wait(mme, "crl.loaded")["detail"], r"^number=1 entries=0 next_update=20.*Z$")
        old = (lab.path / "crl.pem").read_bytes()
        pki(lab.path, "revoke", "enb2")
        self.wait(mme, "enb.down", enb=2)
        good = (lab.path / "crl.pem").read_bytes()
        foreign = lab.path / "foreign"
        pki(foreign, "init")
        ended = ["openssl", "ca", "-config", "ca/openssl.cnf", "-gencrl", "-crl_lastupdate", "20200101000000Z",
                 "-crl_nextupdate", "20200201000000Z"]
        stale = subprocess.run(ended, cwd=lab.path, check=True, capture_output=True).stdout
        cases = [("crl-invalid", (foreign / "crl.pem").read_bytes(), "not signed by"),
                 ("crl-invalid", b"what is this\n", "PEM"),
                 ("crl-invalid", good[: len(good) // 2], "PEM"),
                 ("crl-invalid", b"", "PEM"),
                 ("crl-stale", old, "number"),
                 ("crl-stale", stale, "nextUpdate")]
        counted = {"crl-invalid": 0, "crl-stale": 0}
        for cause, octets, said in cases:
            with self.subTest(said):
                self.replace(lab, octets)
                self.assertIn(said, self.wait(mme, "crl.refused", cause=cause)["detail"])
                counted[cause] += 1
                self.assertEqual(self.refused(mme, cause), counted[cause])
                # The last good one stays in force.
                self.topics(mme)
                self.kept[mme].clear()
                mme.events.clear()
                self.wait(mme, "refused", cause="certificate-revoked")
        (lab.path / "crl.pem").unlink()
        self.assertIn("No such file", self.wait(mme, "crl.refused", cause="crl-invalid")["detail"])
        # Nobody writes to it: one that waited for that would answer no more.
        os.mkfifo(lab.path / "crl.new")
        (lab.path / "crl.new").rename(lab.path / "crl.pem")
        self.wait(mme, "crl.refused", cause="crl-invalid", said="not a regular file")
        (lab.path / "crl.pem").unlink()
        # A good one counts again, written in place and by renaming.
        pki(lab.path, "crl")
        self.wait(mme, "crl.loaded", said="number=4 entries=1")
        self.replace(lab, b"")
        self.wait(mme, "crl.refused")
        pki(lab.path, "revoke", "enb1")
        self.wait(mme, "enb.down", enb=1)
        self.assertEqual(mme.call("enbkey.list")["items"], [])

    def test_a_daemon_does_not_start_without_its_list(self):
        lab = self.lab(start=False, enbs=2)
        lab.prepare()
        for octets in (None, b"no list\n"):
            (lab.path / "crl.pem").unlink(missing_ok=True)
            if octets:
                (lab.path / "crl.pem").write_bytes(octets)
            done = subprocess.run([str(lab.binary("mme")), "-c", str(lab.path / "mme.yaml"), "--check"], capture_output=True,
                                  text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("crl.pem", done.stderr)

    def test_warnings_before_the_end(self):
        lab = self.lab(start=False, enbs=2, extra={"mme": "metrics: {listen: 127.0.0.1, port: 0}\n"})
        lab.prepare()
        pki(lab.path, "renew", "--days", 3, "enb1")
        for name in lab.names():
            lab.start_node(name)
        lab.until_ready()
        enb1, enb2 = lab.node("enb1"), lab.node("enb2")
        enb1.subscribe(since=0)
        self.assertRegex(self.wait(enb1, "certificate.expiring")["detail"], r"^certificate=own days=2 until=20..-..-..T.*Z$")
        self.assertIn("ends soon: certificate=own days=2", (lab.path / "enb1.log").read_text())
        enb2.subscribe(since=0)
        self.wait(enb2, "crl.loaded")
        self.assertNotIn("certificate.expiring", self.topics(enb2))
        # A higher threshold is taken while it runs.
        file = lab.path / "enb2.yaml"
        file.write_text(file.read_text().replace("crl: crl.pem", "crl: crl.pem, expiry_warning: 40d"))
        self.assertEqual(enb2.call("config.reload")["applied"], ["tls.expiry_warning"])
        pki(lab.path, "renew", "--days", 35, "enb2")
        enb2.call("config.reload")
        self.assertIn("days=34", self.wait(enb2, "certificate.expiring")["detail"])


if __name__ == "__main__":
    unittest.main()
