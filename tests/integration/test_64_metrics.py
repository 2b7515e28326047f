"""Metrics over HTTP: every series from zero, what they count, promtool's opinion, readiness; refusals of odd requests."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import unittest
from pathlib import Path

from labtest import LabTest, raw

BUILD = Path(os.environ["KEYHOP_BUILD"])


def free_port(address):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def get(endpoint, path="/metrics", method="GET"):
    connection = http.client.HTTPConnection(*endpoint, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(text):
    """{'name{labels}': value}"""
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line and not line.startswith("#")}


class Metrics(LabTest):
    def start(self, **options):
        self.at, extra = {}, {}
        for name in ("mme", "enb1", "enb2", "ue"):
            self.at[name] = ("127.0.0.1", free_port("127.0.0.1"))
            extra[name] = f"metrics: {{listen: 127.0.0.1, port: {self.at[name][1]}}}\n"
        return self.lab(enbs=2, transport="tcp", extra=extra, **options)

    def sample(self, name):
        status, text = get(self.at[name])
        self.assertEqual(status, 200)
        return samples(text)

    def test_every_series_is_there_and_counts(self):
        lab = self.start()
        before = {name: self.sample(name) for name in self.at}
        for name, series in before.items():
            families = json.loads(subprocess.run([str(lab.binary(name)), "--dump-schema"], capture_output=True,
                                                 text=True, check=True).stdout)["metrics"]
            there = {re.sub(r"_(bucket|sum|count)$", "", s.split("{")[0]) for s in series} | {s.split("{")[0] for s in series}
            self.assertLessEqual({f["name"] for f in families}, there)
            self.assertTrue(all(f["help"] and f["type"] in ("counter", "gauge", "histogram") for f in families))
            self.assertEqual(series['keyhop_handovers_total{scheme="mme-assisted",result="completed",cause=""}'], 0)
        lab.attach_all()
        ue = lab.node("ue")
        ue.subscribe(topics=["handover.executed"])
        for source, target in (("enb1", "enb2"), ("enb2", "enb1"), ("enb1", "enb2")):
            lab.node(source).call("handover.start", ue=lab.imsis[0], target=target, wait=True)
            ue.wait_event(lambda e: e["topic"] == "handover.executed")
        enb2 = lab.node("enb2")
        enb2.subscribe(since=0, topics=["wraplist.received"])
        enb2.wait_event(lambda e: e["step"] == "13")
        enb2.wait_event(lambda e: e["step"] == "13")
        after = {name: self.sample(name) for name in self.at}
        for name in self.at:
            self.assertLessEqual(set(before[name]), set(after[name]))
        source, target = after["enb1"], after["enb2"]
        scheme = 'scheme="mme-assisted"'
        self.assertEqual(source[f'keyhop_handovers_total{{{scheme},result="completed",cause=""}}'], 2)
        self.assertEqual(source[f'keyhop_handover_duration_seconds_count{{{scheme},phase="prepare"}}'], 2)
        self.assertEqual(source[f'keyhop_handover_duration_seconds_count{{{scheme},phase="execute"}}'], 2)
        self.assertEqual(target[f'keyhop_handover_duration_seconds_count{{{scheme},phase="complete"}}'], 2)
        self.assertEqual(after["ue"][f'keyhop_ue_interruption_seconds_count{{{scheme}}}'], 3)
        self.assertEqual(target['keyhop_key_unwraps_total{wrap="aes-gcm",result="opened"}'], 2)
        self.assertEqual(target['keyhop_messages_total{direction="rx",message="x2.handover_request"}'], 2)
        self.assertGreater(target['keyhop_message_bytes_total{direction="rx",message="x2.handover_request"}'], 100)
        mme = after["mme"]
        self.assertEqual(mme['keyhop_hkey_issues_total{reason="location-update"}'], 3)
        self.assertEqual(mme['keyhop_key_wraps_total{wrap="aes-gcm"}'], 4)
        self.assertEqual(mme['keyhop_wrapped_list_entries_bucket{scheme="mme-assisted",le="1"}'], 4)
        self.assertEqual(mme['keyhop_key_derivations_total{key="h_key"}'], 4)
        self.assertEqual(mme['keyhop_ues{state="attached"}'], 1)
        self.assertEqual(mme['keyhop_enbs{state="up"}'], 2)
        self.assertLessEqual(0, mme['keyhop_enb_key_age_seconds{enb="1"}'])
        self.assertEqual(mme['keyhop_tls_handshakes_total{result="done"}'], 2)
        self.assertEqual(mme['keyhop_control_clients'], 1)
        self.assertEqual(sum(v for s, v in source.items() if s.startswith("keyhop_ues{")), 0)
        self.assertEqual(sum(v for s, v in target.items() if s.startswith("keyhop_ues{")), 1)
        for series in after.values():
            self.assertFalse([s for s in series if lab.imsis[0] in s], "no IMSI in a label")

    def test_states_balance_when_ues_come_and_go(self):
        lab = self.start(ues=5)
        lab.node("mme").subscribe(topics=["ue.attached"])
        for _ in range(2):
            lab.attach_all()
            for _ in lab.imsis:
                lab.node("mme").wait_event(lambda e: e["topic"] == "ue.attached")
            self.assertEqual(self.sample("ue")['keyhop_ues{state="attached"}'], 5)
            self.assertEqual(self.sample("mme")['keyhop_ues{state="attached"}'], 5)
            for imsi in lab.imsis:
                lab.node("ue").call("detach", ue=imsi, wait=True)
        for name in ("mme", "enb1"):
            node = lab.node(name)
            node.subscribe(since=0, topics=["ue.released"])
            for _ in range(10):
                node.wait_event(lambda e: e["topic"] == "ue.released")
            self.assertEqual({v for s, v in self.sample(name).items() if s.startswith("keyhop_ues{")}, {0.0})
        self.assertEqual(self.sample("ue")['keyhop_ues{state="detached"}'], 5)

    def test_health_readiness_and_odd_requests(self):
        lab = self.start()
        for name in self.at:
            self.assertEqual(get(self.at[name], "/healthz"), (200, "ok\n"))
            self.assertEqual(get(self.at[name], "/readyz")[0], 200)
            self.assertEqual(get(self.at[name], "/nothing")[0], 404)
            self.assertIn(get(self.at[name], "/metrics", "DELETE")[0], (405, 501))
            for rubbish in (b"\x00\xff" * 100, b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 100000 + b"\r\n\r\n"):
                try:
                    raw(*self.at[name], rubbish)
                except OSError:
                    pass  # closed while we still wrote
            self.assertEqual(get(self.at[name], "/healthz")[0], 200)
        enb = lab.node("enb1")
        enb.subscribe(topics=["tunnel.down"])
        lab.stop_node("mme")
        enb.wait_event(lambda e: e["topic"] == "tunnel.down")
        self.assertEqual(get(self.at["enb1"], "/readyz")[0], 503)
        self.assertEqual(get(self.at["enb1"], "/healthz")[0], 200)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (Debian: prometheus)")
    def test_promtool_is_content(self):
        self.start()
        for name in self.at:
            done = subprocess.run(["promtool", "check", "metrics"], input=get(self.at[name])[1], text=True,
                                  capture_output=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), name)


if __name__ == "__main__":
    unittest.main()
