"""Tunnels, identities, attach, detach."""

import os
import ssl
import subprocess
import socket
import unittest

from labtest import ROOT, KeyhopError, LabTest


class Identities(LabTest):
    def refuse(self, cause, replace):
        lab = self.lab(start=False, enbs=2)
        lab.prepare()
        replace(lab)
        for name in ("mme", "enb1", "enb2"):
            lab.start_node(name)
            lab.node(name)
        mme = lab.node("mme")
        mme.subscribe(since=0)
        e = mme.wait_event(lambda e: e.get("cause") == cause, 20)
        self.assertIn(e["topic"], ("refused", "auth.failed"))
        self.assertGreaterEqual(self.refused(mme, cause), 1)
        mme.call("events.unsubscribe")
        # The honest one is served all the same.
        other = lab.node("enb1")
        other.subscribe(since=0, topics=["enbkey.installed"])
        other.wait_event(lambda e: e["topic"] == "enbkey.installed", 20)
        self.assertFalse(lab.node("enb2").call("status")["s1_up"])
        if cause != "identity-mismatch":  # refused in the handshake: nothing of it was read
            self.assertEqual(mme.call("metrics.get")["rx"]["s1.s1_setup_request"], 1)
        self.assertEqual(mme.call("status")["enbs_up"], 1)

    def test_certificate_of_another_enb(self):
        def replace(lab):
            for suffix in ("pem", "key"):
                (lab.path / f"enb2.{suffix}").write_bytes((lab.path / f"enb1.{suffix}").read_bytes())

        self.refuse("identity-mismatch", replace)

    def test_certificate_of_a_foreign_ca(self):
        def replace(lab):
            foreign = lab.path / "foreign"
            subprocess.run([str(ROOT / "scripts/pki"), str(foreign), "init"], check=True)
            subprocess.run([str(ROOT / "scripts/pki"), str(foreign), "issue", "enb", "enb2", "00101", "2"], check=True)
            for suffix in ("pem", "key"):
                (lab.path / f"enb2.{suffix}").write_bytes((foreign / f"enb2.{suffix}").read_bytes())

        self.refuse("unknown-ca", replace)

    def dated(self, lab, begin, end):
        """enb2's certificate, good between two times."""
        (lab.path / "enb2.ext").write_text("subjectAltName = URI:keyhop:enb:00101-2\n")
        openssl = ["openssl", "req", "-config", "ca/openssl.cnf", "-new", "-key", "enb2.key", "-subj", "/CN=enb2", "-out", "enb2.csr"]
        subprocess.run(openssl, cwd=lab.path, check=True, capture_output=True)
        openssl = ["openssl", "ca", "-config", "ca/openssl.cnf", "-batch", "-notext", "-in", "enb2.csr", "-extfile", "enb2.ext",
                   "-startdate", begin, "-enddate", end, "-out", "enb2.pem"]
        subprocess.run(openssl, cwd=lab.path, check=True, capture_output=True)

    def test_certificate_that_has_ended(self):
        self.refuse("certificate-expired", lambda lab: self.dated(lab, "20200101000000Z", "20210101000000Z"))

    def test_certificate_of_the_future(self):
        self.refuse("certificate-not-yet-valid", lambda lab: self.dated(lab, "20480101000000Z", "20490101000000Z"))

    def test_certificate_revoked_before(self):
        self.refuse("certificate-revoked", lambda lab: lab.pki("revoke", "enb2"))

    def test_no_certificate(self):
        lab = self.lab(start=False, enbs=2, transport="tcp")
        lab.prepare()
        lab.start_node("mme")
        mme = lab.node("mme")
        mme.subscribe()
        context = ssl.create_default_context(cafile=str(lab.path / "ca.pem"))
        context.check_hostname = False
        context.set_alpn_protocols(["keyhop-s1/1"])
        with socket.create_connection((lab.address("mme"), 36512), timeout=10) as s:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with context.wrap_socket(s) as tls:
                    tls.recv(1)
                    raise ConnectionError
        mme.wait_event(lambda e: e.get("cause") == "no-certificate", 10)

    def test_config_mistakes_have_a_place(self):
        lab = self.lab(start=False, enbs=2)
        lab.prepare()
        cases = {"neigbours: []\n": "unknown key", "log: {level: loud}\n": "level", "wrap: aes-gcm\n": "wrap"}
        for text, said in cases.items():
            file = lab.path / "bad.yaml"
            good = (lab.path / "enb1.yaml").read_text()
            file.write_text("\n".join(x for x in good.splitlines() if not x.startswith("log:")) + "\n" + text)
            done = subprocess.run([str(lab.binary("enb1")), "-c", str(file), "--check"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, r"bad\.yaml:\d+:\d+: ")
            self.assertIn(said, done.stderr)


class Attach(LabTest):
    def test_wrong_k_is_a_mac_failure(self):
        lab = self.lab(start=False, enbs=2)
        lab.prepare()
        imsi = lab.imsis[0]
        k, opc, _ = lab.subscribers[imsi]
        lab.write_subscribers("ue-subscribers.csv", {imsi: (os.urandom(16).hex(), opc, None)})
        for name in lab.names():
            lab.start_node(name)
        lab.until_ready()
        ue = lab.node("ue")
        self.named("AUTHENTICATION_FAILED", ue.call, "attach", ue=imsi, cell="enb1", wait=True)
        self.assertEqual(self.refused(ue, "mac-failure"), 1)
        self.assertEqual(self.refused(lab.node("mme"), "mac-failure"), 1)
        self.assertEqual(lab.node("mme").call("ue.list")["items"], [])

    def test_sqn_behind_resynchronises(self):
        lab = self.lab(start=False, enbs=2)
        lab.prepare()
        imsi = lab.imsis[0]
        k, opc, _ = lab.subscribers[imsi]
        lab.write_subscribers("ue-subscribers.csv", {imsi: (k, opc, "000000100000")})
        for name in lab.names():
            lab.start_node(name)
        lab.until_ready()
        self.assertEqual(lab.node("ue").call("attach", ue=imsi, cell="enb1", wait=True)["outcome"], "completed")
        self.assertEqual(lab.node("mme").call("metrics.get")["counters"]["resynchronisations"], 1)

    def test_unknown_subscriber(self):
        lab = self.lab(enbs=2)
        ue = lab.node("ue")
        ue.call("ue.add", ue="001019999999999", k="00" * 16, opc="11" * 16)
        self.named("UNKNOWN_SUBSCRIBER", ue.call, "attach", ue="001019999999999", cell="enb1", wait=True)

    def test_null_ciphering_issues_no_h_key(self):
        lab = self.lab(start=False, enbs=2, mme={"nas": "{ciphering: [eea0]}"}, extra={"ue": "capabilities: {eea: [eea0, eea2]}\n"})
        lab.start()
        lab.attach_all()
        enb = lab.node("enb1")
        enb.subscribe(since=0)
        self.assertEqual(enb.wait_event(lambda e: e["topic"] == "wraplist.refused")["cause"], "null-ciphering")
        self.named("NO_WRAPPED_KEY", enb.call, "handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        self.assertEqual(lab.node("mme").call("metrics.get")["counters"]["hkeys_issued"], 0)

    def test_detach_leaves_nothing(self):
        lab = self.lab(enbs=2, ues=3)
        lab.attach_all()
        ue = lab.node("ue")
        for imsi in lab.imsis:
            ue.call("detach", ue=imsi, wait=True)
        self.assertEqual(lab.node("enb1").call("ue.list")["items"], [])
        self.assertEqual(lab.node("mme").call("status")["ues"], 0)
        self.assertEqual(ue.call("attach", ue=lab.imsis[0], cell="enb2", wait=True)["serving"], 2)
        self.named("BAD_STATE", ue.call, "attach", ue=lab.imsis[0], cell="enb2", wait=True)


if __name__ == "__main__":
    unittest.main()
