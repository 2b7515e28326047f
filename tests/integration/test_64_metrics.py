"""Metrics over HTTP: every series from zero, what they count, promtool's opinion, readiness; refusals of odd requests."""

import http.client
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path

from labtest import ROOT, LabTest, raw
from keyhop import wait_until

BUILD = Path(os.environ["KEYHOP_BUILD"])


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


class Scraped(LabTest):
    def start(self, **options):
        both = {"mme": "listen: 127.0.0.1, port: 0", "enb1": "listen: 127.0.0.1:0, port: 1", "enb2": "listen: 127.0.0.1:0",
                "ue": "listen: 127.0.0.1:0"}
        extra = {name: f"metrics: {{{text}}}\n" for name, text in both.items()}
        lab = self.lab(enbs=2, transport="tcp", extra=extra, **options)
        self.at = {}
        for name in both:
            address, port = lab.node(name).call("status")["metrics"].rsplit(":", 1)
            self.at[name] = (address, int(port))
        return lab


class Metrics(Scraped):
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
            self.assertEqual(get(self.at[name], "/metrics?x=1")[0], 200)
            self.assertEqual(get(self.at[name], "/metrics", "HEAD"), (200, ""))
            for method in ("DELETE", "POST", "PUT", "OPTIONS", "PATCH", "TRACE"):
                self.assertEqual(get(self.at[name], "/metrics", method)[0], 405, method)
                self.assertEqual(get(self.at[name], "/nothing", method)[0], 404, method)
            for rubbish in (b"\x00\xff" * 100, b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 100000 + b"\r\n\r\n"):
                try:
                    raw(*self.at[name], rubbish)
                except OSError:
                    pass  # closed while we still wrote
            self.assertEqual(get(self.at[name], "/healthz")[0], 200)
        ue = lab.node("ue")
        ue.subscribe(topics=["cell."])
        lab.stop_node("enb2")
        ue.wait_event(lambda e: e["topic"] == "cell.down" and e["enb"] == 2)
        self.assertEqual(get(self.at["ue"], "/readyz"), (503, "1 of 2 cells are connected\n"))
        lab.start_node("enb2")
        ue.wait_event(lambda e: e["topic"] == "cell.up" and e["enb"] == 2)
        self.assertEqual(get(self.at["ue"], "/readyz"), (200, "ready\n"))
        enb = lab.node("enb1")
        enb.subscribe(topics=["tunnel.down"])
        lab.stop_node("mme")
        enb.wait_event(lambda e: e["topic"] == "tunnel.down")
        self.assertEqual(get(self.at["enb1"], "/readyz"), (503, "no association with the MME\n"))
        self.assertEqual(get(self.at["enb1"], "/healthz")[0], 200)

    def test_idle_clients_are_few_and_make_room(self):
        lab = self.start()
        fds = lab.node("enb1").call("status")["fds"]
        idle = []
        try:
            for n in range(200):
                idle.append(socket.create_connection(self.at["enb1"], timeout=20))
                if n % 2:
                    idle[-1].sendall(b"GET /metrics HTTP/1.1\r\nX")
            self.assertEqual(get(self.at["enb1"], "/healthz"), (200, "ok\n"))
            self.assertLessEqual(lab.node("enb1").call("status")["fds"], fds + 34)
            # Those that came first have made room, the last ones run into their time.
            for s in (idle[0], idle[1], idle[-2], idle[-1]):
                while s.recv(4096):
                    pass
        finally:
            for s in idle:
                s.close()
        lab.node("enb1").call("ping")

    def test_without_descriptors_nobody_spins(self):
        lab = self.start()
        pid = lab.process["mme"].pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        free = min(set(range(1024)) - {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")})
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limits[1]))
        with socket.create_connection(self.at["mme"], timeout=10) as visitor:
            visitor.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            # Events come only after those that are ready with them: the loop has met the visitor by then.
            for _ in range(20):
                lab.node("mme").call("log.get")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            self.assertIn(b"ok", b"".join(iter(lambda: visitor.recv(4096), b"")))
        self.assertEqual((lab.path / "mme.stderr").read_text(), "", "libevent tells of each accept() that fails")

    def test_an_odd_address_is_refused(self):
        lab = self.lab(enbs=2, start=False)
        lab.prepare()
        for text in ("nowhere", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:1:2", "[127.0.0.1]:1", "[::1", "[::1]1", ":1"):
            done = subprocess.run([str(lab.binary("mme")), "-c", str(lab.path / "mme.yaml"), "--check", "-o", f"metrics.listen={text}"],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("-o metrics.listen: metrics.listen: ", done.stderr)
        for text in ("127.0.0.1", "127.0.0.1:9651", "::1", "[::1]", "[::1]:9651"):
            subprocess.run([str(lab.binary("mme")), "-c", str(lab.path / "mme.yaml"), "--check", "-o", f"metrics.listen={text}"], check=True,
                           timeout=30)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (Debian: prometheus)")
    def test_promtool_is_content(self):
        self.start()
        for name in self.at:
            done = subprocess.run(["promtool", "check", "metrics"], input=get(self.at[name])[1], text=True,
                                  capture_output=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), name)


def panels():
    """(title of the panel, expression) of all that the dashboard asks for."""
    dashboard = json.loads((ROOT / "conf/doc/grafana.json").read_text())
    return [(p["title"], target["expr"]) for p in dashboard["panels"] for target in p.get("targets", ())]


class Dashboard(Scraped):
    def test_it_asks_for_what_is_there(self):
        families = {}
        for daemon in ("mmed", "enbd", "ued"):
            done = subprocess.run([str(BUILD / daemon / daemon), "--dump-schema"], capture_output=True, text=True, check=True)
            families |= {f["name"]: f for f in json.loads(done.stdout)["metrics"]}
        used = set()
        self.assertGreater(len(panels()), 40)
        for title, expr in panels():
            for name, selector in re.findall(r"((?:keyhop|process)_[a-z0-9_]+)(?:{([^}]*)})?", expr):
                family = families.get(name) or families.get(re.sub(r"_(bucket|sum|count)$", "", name))
                self.assertIsNotNone(family, f"{title}: {name}")
                self.assertTrue(name in families or family["type"] == "histogram", f"{title}: {name}")
                labels = set(family["labels"].split(",")) | {"instance", "le"}
                self.assertLessEqual(set(re.findall(r"(\w+)=", selector)), labels, f"{title}: {expr}")
                used.add(family["name"])
            by = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expr) for label in labels.split(",")}
            known = {label for f in families.values() if f["name"] in expr for label in f["labels"].split(",")} | {"instance", "le"}
            self.assertLessEqual(by, known, f"{title}: {expr}")
        self.assertLessEqual({n for n in families if n.startswith("keyhop_handover")}, used)

    def query(self, expr):
        expr = expr.replace("$__rate_interval", "30s").replace("$instance", ".*")
        status, text = get(self.prometheus, "/api/v1/query?" + urllib.parse.urlencode({"query": expr}))
        self.assertEqual(status, 200, f"{expr}: {text}")
        return json.loads(text)["data"]["result"]

    def scrape(self, folder):
        """Starts Prometheus; it picks a port, says which, and when it answers."""
        targets = ", ".join(f"'{address}:{port}'" for address, port in self.at.values())
        (folder / "prometheus.yml").write_text("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
                                               f"scrape_configs: [{{job_name: keyhop, static_configs: [{{targets: [{targets}]}}]}}]\n")
        process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                    "--web.listen-address=127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        at, ready = None, False  # it may say either first
        for line in process.stderr:
            at = at or re.search(r'"Listening on" address=([0-9.]+):(\d+)', line)
            ready = ready or "Server is ready" in line
            if at and ready:
                self.prometheus = (at[1], int(at[2]))
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return
        self.fail("Prometheus does not start")

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed (Debian: prometheus)")
    def test_prometheus_understands_it(self):
        lab = self.start()
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        self.scrape(Path(folder.name))
        lab.attach_all()
        lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        wait_until([], lambda: len(self.query("rate(keyhop_pings_total[30s])")) == len(self.at)
                   and self.query('keyhop_handovers_total{result="completed"} > 0')
                   and len(self.query("up == 1")) == len(self.at), 30, "two scrapes of all, one of them late")
        self.assertEqual({r["metric"]["instance"] for r in self.query("up")}, {f"{a}:{p}" for a, p in self.at.values()})
        for title, expr in panels():
            answer = self.query(expr)
            self.assertTrue(answer or "> 0" in expr, f"{title}: {expr} has nothing")


if __name__ == "__main__":
    unittest.main()
