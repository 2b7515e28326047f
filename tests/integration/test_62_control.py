"""The control socket: every method of every daemon, called right and in every wrong way its schema allows."""

import grp
import json
import os
import re
import signal
import socket
import subprocess
import unittest
from pathlib import Path

from labtest import ROOT, KeyhopError, LabTest, Node
from labtool import TOOL

INVALID_PARAMS = -32602
WRONG_TYPES = {"string": [7, True, None, [], {}], "int": ["x", 1.5, True, None, []], "number": ["x", True, None],
               "bool": ["true", 1, None], "object": ["x", [], 1], "array": ["x", {}, 1]}
K = "00112233445566778899aabbccddeeff"


def right(lab):
    """{node: [(method, parameters, name of the error that is its right answer or None)]}, in an order that works."""
    a, b, new = lab.imsis[0], lab.imsis[1], "001010000000077"
    (lab.path / "more.csv").touch(0o600)
    (lab.path / "more.csv").write_text(f"001010000000078,{K},{K}\n")
    common = [("ping", {}, None), ("version", {}, None), ("status", {}, None), ("schema.list", {}, None),
              ("schema.get", {"name": "ue.list"}, None), ("config.check", {}, None),
              ("config.get", {}, None), ("config.reload", {}, None), ("log.get", {}, None),
              ("log.set", {"level": "info", "category": "ho"}, None), ("metrics.get", {}, None),
              ("events.subscribe", {"since": 0, "topics": ["no.such"], "ue": a}, None), ("events.unsubscribe", {}, None),
              ("fault.set", {"fault": "drop", "message": "7", "direction": "rx", "count": 1,
                             "probability": 0.5, "delay_ms": 1}, None),
              ("fault.list", {}, None), ("fault.clear", {"id": 1}, None),
              ("capture.start", {"file": "more.pcapng", "max_size": 0, "max_age_ms": 0, "files": 1}, None),
              ("capture.status", {}, None), ("capture.stop", {}, None)]
    page = {"offset": 0, "limit": 10}
    mme = [("enb.list", page, None), ("enb.show", {"enb": "enb1"}, None), ("ue.list", page, None), ("ue.show", {"ue": a}, None),
           ("hkey.show", {"ue": a}, None), ("scheme.get", {}, None),
           ("scheme.set", {"wrap": "aes-gcm", "h_key_bits": 128, "enb_key_bits": 128, "kenb_input": "plmn"}, None),
           ("enbkey.list", {}, None), ("enbkey.rotate", {"enb": "enb2"}, None), ("hkey.issue", {"ue": a, "enbs": [2]}, None),
           ("wraplist.show", {"ue": a}, None), ("wraplist.push", {"ue": a}, None),
           ("key.list", {"ue": a}, None), ("subscriber.list", page, None), ("subscriber.show", {"ue": a}, None),
           ("subscriber.add", {"ue": new, "k": K, "opc": K, "sqn": "000000000020"}, None),
           ("subscriber.import", {"file": str(lab.path / "more.csv")}, None), ("subscriber.remove", {"ue": new}, None),
           ("ue.detach", {"ue": b}, None), ("enb.drop", {"enb": "enb3"}, None)]
    enb = [("ue.list", page, None), ("ue.show", {"ue": a}, None), ("key.list", {"ue": a}, None), ("neighbour.list", {}, None),
           ("neighbour.add", {"enb": 77, "address": "127.0.0.1", "port": 1, "name": "enb77"}, None),
           ("neighbour.probe", {"enb": "enb2"}, None), ("mme.status", {}, None), ("policy.get", {}, None),
           ("policy.set", {"offset_db": 2.5, "hysteresis_db": 1, "time_to_trigger_ms": 80}, None),
           ("scheme.get", {}, None), ("location.update", {"ue": a}, "BAD_STATE"),
           ("neighbour.remove", {"enb": "77"}, None), ("wraplist.request", {"ue": a}, None),
           ("wraplist.show", {"ue": a}, None), ("handover.list", {}, None), ("handover.show", {"ue": a}, "NOT_FOUND"),
           ("handover.cancel", {"ue": a}, "BAD_STATE"),
           ("handover.start", {"ue": a, "target": "enb9", "wait": True}, "NOT_A_NEIGHBOUR"), ("ue.release", {"ue": a}, None),
           ("mme.disconnect", {}, None), ("mme.connect", {}, None)]
    ue = [("ue.add", {"ue": new, "k": K, "opc": K, "sqn": "000000000020"}, None), ("ue.list", page, None),
          ("ue.show", {"ue": a}, None), ("key.list", {"ue": a}, None), ("attach", {"ue": a, "cell": "enb1", "wait": True}, None),
          ("traffic.ping", {"ue": a}, None), ("handover.list", {}, None), ("handover.show", {"ue": a}, "NOT_FOUND"),
          ("move", {"ue": a, "path": ["enb1"], "wait": True, "timeout_ms": 1000}, None), ("measure", {"ue": a, "cells": {"enb1": -70, "enb2": -90.5}}, None),
          ("detach", {"ue": a, "wait": True}, None), ("ue.remove", {"ue": new}, None)]
    last = [("shutdown", {}, None)]
    return {"ue": common + ue + last, "enb1": common + enb + last, "mme": common + mme + last}


class Control(LabTest):
    def start(self, **options):
        extra = dict.fromkeys(["mme", "*enb", "ue"], "lab: {faults: true}\n")
        return self.lab(enbs=3, ues=2, extra=extra, **options)

    def refused_as(self, node, method, params, code=INVALID_PARAMS, name="INVALID_PARAMS"):
        with self.assertRaises(KeyhopError, msg=f"{method} {params}") as caught:
            node.call(method, **params)
        self.assertEqual((caught.exception.code, caught.exception.name), (code, name), f"{method} {params}")
        return caught.exception

    def wrong_ways(self, method, params):
        """Parameters that must be refused, from the method's own description."""
        yield params | {"no_such_parameter": 1}
        for p in method["params"]:
            if p["required"]:
                yield {k: v for k, v in params.items() if k != p["name"]}
            for value in WRONG_TYPES[p["type"]]:
                yield params | {p["name"]: value}
            if p["type"] == "int":
                low, high = (p["min"], p["max"]) if p["max"] else (0, 2**53)
                yield params | {p["name"]: low - 1}
                yield params | {p["name"]: high + 1}

    def test_every_method_in_every_way(self):
        lab = self.start()
        lab.attach_all()
        calls = right(lab)
        wrong = 0
        for name, rows in calls.items():
            node = Node(lab.socket_path(name), timeout=30)
            self.addCleanup(node.close)
            methods = {m["name"]: m for m in node.call("schema.list")["methods"]}
            self.assertEqual({method for method, _, _ in rows}, set(methods), f"{name}: a method without a call here")
            for method, params, _ in rows:
                self.assertLessEqual(set(params), {p["name"] for p in methods[method]["params"]})
                for bad in self.wrong_ways(methods[method], params):
                    self.refused_as(node, method, bad)
                    wrong += 1
            node.call("ping")
        self.assertGreater(wrong, 400)
        in_order = [(name, row) for name in ("mme", "enb1", "ue") for row in calls[name]]
        for name, (method, params, error) in sorted(in_order, key=lambda c: c[1][0] == "shutdown"):
            with Node(lab.socket_path(name), timeout=30) as node:
                if error:
                    with self.assertRaises(KeyhopError) as caught:
                        node.call(method, **params)
                    self.assertEqual(caught.exception.name, error, method)
                elif method == "attach":
                    # ue.release has sent it away, and it may be on its way back.
                    lab.node("ue").subscribe(since=0, ue=params["ue"])
                    try:
                        node.call(method, **params)
                    except KeyhopError as e:
                        self.assertEqual(e.name, "BAD_STATE")
                        lab.node("ue").wait_event(lambda e: e["topic"] == "ue.attached")
                else:
                    self.assertIsInstance(node.call(method, **params), dict, method)

    def test_lines_that_are_no_requests(self):
        lab = self.start()
        for text, code, name in ((b"no json", -32700, "PARSE_ERROR"), (b"[]", -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', -32601, "METHOD_NOT_FOUND"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600, "INVALID_REQUEST")):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(lab.socket_path("mme")))
                f = s.makefile("rb")
                f.readline()
                s.sendall(text + b"\n")
                error = json.loads(f.readline())["error"]
                self.assertEqual((error["code"], error["data"]["name"]), (code, name), text)
                f.close()
        lab.node("mme").call("ping")

    def test_topics_of_the_sources_are_the_table(self):
        lab = self.start()
        table = {e["topic"] for e in lab.node("mme").call("schema.list")["events"]}
        emitted = set()
        for folder in ("common", "mmed", "enbd", "ued"):
            for file in (ROOT / folder).glob("*.c"):
                for text in re.findall(r'"([a-z_0-9]+\.[a-z_]+|refused)"', file.read_text()):
                    emitted.add(text)
        self.assertEqual(table - emitted, set(), "a topic that nobody emits")
        lab.attach_all()
        lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        for name in lab.names():
            node = lab.node(name)
            seq = node.subscribe(since=0)
            while not node.events or node.events[-1]["seq"] < seq:
                node._take(node._read(float("inf")))
            self.assertLessEqual({e["topic"] for e in node.events}, table)
            sequence = [e["seq"] for e in node.events]
            self.assertEqual(sequence, list(range(sequence[0], sequence[0] + len(sequence))))
            for e in node.events:
                self.assertEqual(e["node"], name)
                self.assertRegex(e["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_the_way_to_the_mme_and_to_neighbours(self):
        lab = self.start()
        lab.attach_all()
        enb1, mme, a = lab.node("enb1"), lab.node("mme"), lab.imsis[0]
        answer = enb1.call("neighbour.probe", enb="enb2")
        self.assertGreater(answer["rtt_us"], 0)
        mme.subscribe(topics=["enb.", "location_update."])
        enb2 = lab.node("enb2")
        self.assertEqual(enb2.call("mme.disconnect"), {"outcome": "completed"})
        mme.wait_event(lambda e: e["topic"] == "enb.down" and e["enb"] == 2)
        self.assertTrue(enb2.call("mme.status")["held"])
        # A list in hand is enough; what the MME is owed waits.
        self.assertEqual(enb1.call("handover.start", ue=a, target="enb2", wait=True)["outcome"], "completed")
        lab.node("ue").call("traffic.ping", ue=a)
        self.named("LINK_LOST", enb2.call, "location.update", ue=a)
        self.assertIn(enb2.call("mme.status")["state"], ("down",))
        enb2.call("mme.connect")
        mme.wait_event(lambda e: e["topic"] == "location_update.received" and e["ue"] == a)
        self.assertFalse(enb2.call("mme.status")["held"])
        self.assertEqual(mme.call("ue.show", ue=a)["serving"], 2)
        lab.stop_node("enb3")
        with self.assertRaises(KeyhopError) as caught:
            for _ in range(2):  # the first may still find the association
                enb1.call("neighbour.probe", enb="enb3")
        self.assertIn(caught.exception.name, ("LINK_LOST", "TARGET_UNREACHABLE"))

    def test_a_probe_that_is_lost_is_answered(self):
        extra = {"*enb": "lab: {faults: true}\nliveness: {interval: 60s}\n"}
        enb1 = self.lab(enbs=2, extra=extra).node("enb1")
        enb1.call("fault.set", fault="drop", message="x2.heartbeat", direction="tx", count=1)
        self.named("TIMEOUT", enb1.call, "neighbour.probe", enb="enb2")
        self.assertGreater(enb1.call("neighbour.probe", enb="enb2")["rtt_us"], 0)

    def test_a_way_through_cells(self):
        lab = self.start()
        lab.attach_all()
        ue, a = lab.node("ue"), lab.imsis[0]
        done = ue.call("move", ue=a, path=["enb1", "enb2", 3, "enb1"], wait=True)
        self.assertEqual((done["serving"], done["handovers"]), (1, 3))
        self.named("ENB_NOT_FOUND", ue.call, "move", ue=a, path=["enb9"])
        self.named("INVALID_PARAMS", ue.call, "move", ue=a, path=[])
        lab.node("enb1").call("neighbour.remove", enb="enb2")
        waiting = ue.send("move", ue=a, path=["enb2"], wait=True)
        self.named("BUSY", ue.call, "move", ue=a, path=["enb3"])
        ue.call("detach", ue=a, wait=True)
        with self.assertRaises(KeyhopError) as caught:
            ue.answer(waiting)
        self.assertEqual(caught.exception.name, "DETACHED")
        self.named("TIMEOUT", ue.call, "move", ue=lab.imsis[1], path=["enb2"], wait=True, timeout_ms=60)

    def test_policy_of_a_cell(self):
        lab = self.start()
        enb1, ue, a = lab.node("enb1"), lab.node("ue"), lab.imsis[0]
        self.assertEqual(enb1.call("policy.set", offset_db=9, time_to_trigger_ms=0),
                         {"offset_db": 9, "hysteresis_db": 1, "time_to_trigger_ms": 0})
        self.named("INVALID_PARAMS", enb1.call, "policy.set", offset_db=15.5)
        self.named("INVALID_PARAMS", enb1.call, "policy.set", hysteresis_db=-1)
        lab.attach_all()
        self.assertFalse(ue.call("measure", ue=a, cells={"enb1": -80, "enb2": -70})["a3"])
        self.assertTrue(ue.call("measure", ue=a, cells={"enb1": -80, "enb2": -69})["a3"])

    def test_whoever_waits_when_a_daemon_ends_is_told(self):
        lab = self.start()
        lab.attach_all()
        enb1, a = lab.node("enb1"), lab.imsis[0]
        enb1.call("fault.set", fault="drop", message="7", count=0)
        enb1.subscribe(topics=["handover.requested"])
        waiting = enb1.send("handover.start", ue=a, target="enb2", wait=True)
        enb1.wait_event(lambda e: e["topic"] == "handover.requested")
        enb1.send("shutdown")
        with self.assertRaises(KeyhopError) as caught:
            enb1.answer(waiting)
        self.assertEqual(caught.exception.name, "RELEASED")

    def test_whoever_waits_when_a_ued_ends_is_told(self):
        lab = self.start()
        lab.attach_all()
        ue = lab.node("ue")
        ue.call("fault.set", fault="drop", message="6", count=0)
        waiting = ue.send("move", ue=lab.imsis[1], path=["enb3"], wait=True)
        ue.send("shutdown")
        with self.assertRaises(KeyhopError) as caught:
            ue.answer(waiting)
        self.assertEqual(caught.exception.name, "DETACHED")

    def test_one_row_of_the_schema(self):
        lab = self.start()
        node = lab.node("enb1")
        for name, kind in (("ue.list", "method"), ("handover.completed", "event"), ("a3.offset", "option"),
                           ("unwrap-failed", "cause"), ("keyhop_handovers_total", "metric")):
            self.assertEqual(node.call("schema.get", name=name)["kind"], kind)
        self.refused_as(node, "schema.get", {"name": "no.such"}, 1404, "NOT_FOUND")

    def test_lists_in_pages(self):
        lab = self.lab(enbs=2, ues=25)
        lab.attach_all()
        for name, method in (("mme", "ue.list"), ("enb1", "ue.list"), ("ue", "ue.list"), ("mme", "subscriber.list")):
            seen, offset = [], 0
            while offset is not None:
                page = lab.node(name).call(method, offset=offset, limit=10)
                self.assertLessEqual(len(page["items"]), 10)
                seen += [item["ue"] for item in page["items"]]
                offset = page["next"]
            self.assertEqual(sorted(seen), lab.imsis, f"{name} {method}")
        self.assertEqual(lab.node("mme").call("ue.list", offset=1000)["items"], [])

    def test_subscribers_without_their_keys(self):
        lab = self.start()
        mme, secret = lab.node("mme"), "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        for n, call in enumerate((dict(method="subscriber.add", ue="001010000000088", k=secret, opc=secret),
                                  dict(method="subscriber.show", ue="001010000000088"), dict(method="subscriber.list"),
                                  dict(method="subscriber.remove", ue="001010000000088"))):
            self.assertNotIn(secret, json.dumps(mme.call(**call)), n)
        self.named("UNKNOWN_SUBSCRIBER", mme.call, "subscriber.show", ue="001010000000088")
        bad = lab.path / "bad.csv"
        bad.touch(0o600)
        bad.write_text(f"001010000000090,{secret},{secret}\n001010000000091,{secret}zz,{secret}\n")
        with self.assertRaises(KeyhopError) as caught:
            mme.call("subscriber.import", file=str(bad))
        self.assertIn("bad.csv:2", str(caught.exception))
        self.assertNotIn(secret, str(caught.exception.data) + str(caught.exception))
        for name in lab.names():
            self.assertNotIn(secret, (lab.path / f"{name}.log").read_text())


class Viewers(LabTest):
    """The second socket: for those who look and change nothing."""

    def start(self, *options, **more):
        lab = self.lab(enbs=3, ues=2, start=False, **more)
        for role in ("mme", "enb", "ue"):
            for option, value in (("control.viewer_socket", "@.viewer"), *options):
                names = [n for n in lab.names() if lab.nodes[n]["role"] == role]
                lab.topology["options"] += [{"node": n, "option": option, "value": value.replace("@", n)} for n in names]
        return lab.start()

    def viewer(self, lab, name):
        node = Node(lab.path / f"{name}.viewer", timeout=30)
        self.addCleanup(node.close)
        return node

    def test_every_method(self):
        lab = self.start(extra=dict.fromkeys(["mme", "*enb", "ue"], "lab: {faults: true}\n"))
        lab.attach_all()
        self.assertIs(lab.node("mme").hello["viewer"], False)
        served = refused = 0
        for name, rows in right(lab).items():
            node = self.viewer(lab, name)
            self.assertIs(node.hello["viewer"], True)
            reads = {m["name"]: m["reads_only"] for m in node.call("schema.list")["methods"]}
            for method, params, error in rows:
                if not reads[method]:
                    for given in (params, {}, {"no_such_parameter": 1}):
                        with self.assertRaises(KeyhopError, msg=method) as caught:
                            node.call(method, **given)
                        error = caught.exception
                        self.assertEqual((error.code, error.name, error.data["cause"]), (1403, "READ_ONLY", "read-only"), method)
                    refused += 1
                elif error:
                    self.named(error, node.call, method, **params)
                else:
                    self.assertIsInstance(node.call(method, **params), dict, method)
                    served += 1
        self.assertGreater(served, 40)
        self.assertGreater(refused, 40)
        # Nothing of it has come to pass: what a viewer sees is what it was before.
        for name in lab.names():
            with self.subTest(node=name):
                self.assertEqual(self.viewer(lab, name).call("fault.list")["items"], [])
                self.assertNotIn(" calls ", (lab.path / f"{name}.log").read_text().replace("calls attach", ""))
        self.assertEqual({u["state"] for u in self.viewer(lab, "mme").call("ue.list")["items"]}, {"attached"})

    def test_events(self):
        lab = self.start()
        viewer = self.viewer(lab, "mme")
        viewer.subscribe(topics=["ue.attached"])
        lab.attach_all()
        self.assertEqual({viewer.wait_event(lambda e: True)["ue"] for _ in lab.imsis}, set(lab.imsis))

    def test_the_tool(self):
        lab = self.start()
        tool = [str(TOOL), "-s", str(lab.path / "enb1.viewer")]
        looked = subprocess.run([*tool, "-o", "json", "status"], capture_output=True, text=True, timeout=30)
        self.assertEqual((looked.returncode, json.loads(looked.stdout)["node"]), (0, "enb1"), looked.stderr)
        done = subprocess.run([*tool, "shutdown"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 6)
        self.assertIn("READ_ONLY", done.stderr)
        self.viewer(lab, "enb1").call("ping")

    def test_of_a_group(self):
        gid = os.getegid() + 1 if os.geteuid() == 0 else os.getgroups()[-1]
        lab = self.start(("control.viewer_group", str(gid)), ("control.group", grp.getgrgid(os.getegid()).gr_name))
        for name in lab.names():
            st = (lab.path / f"{name}.viewer").stat()
            self.assertEqual((st.st_gid, st.st_mode & 0o777), (gid, 0o660), name)
            self.assertEqual(lab.socket_path(name).stat().st_gid, os.getegid(), name)
            run = subprocess.run([str(lab.binary(name)), "-c", str(lab.path / f"{name}.yaml"), "--check",
                                  "-o", "control.viewer_group=no-such-group-here"], capture_output=True, text=True, timeout=30)
            self.assertEqual(run.returncode, 2)
            self.assertIn("control.viewer_group: no-such-group-here: no such group", run.stderr)


class Configuration(LabTest):
    def test_reload_says_what_it_applied(self):
        lab = self.lab(enbs=2)
        enb, file = lab.node("enb1"), lab.path / "enb1.yaml"
        text = file.read_text()
        nothing = enb.call("config.reload")
        self.assertEqual((nothing["applied"], nothing["needs_restart"]), ([], []))
        file.write_text(text.replace("level: info", "level: debug") + "a3: {offset: 4}\nmetrics: {port: 9999}\n")
        looked = enb.call("config.check")
        self.assertEqual((set(looked["would_apply"]), set(looked["needs_restart"])), ({"log.level", "a3.offset"}, {"metrics.port"}))
        self.assertEqual(enb.call("log.get")["ho"], "info")
        result = enb.call("config.reload")
        self.assertEqual(set(result["applied"]), {"log.level", "a3.offset"}, result)
        self.assertEqual(set(result["needs_restart"]), {"metrics.port"}, result)
        self.assertEqual(enb.call("log.get")["ho"], "debug")
        file.write_text("node: {name: enb1, nonsense: 1}\n")
        self.named("CONFIG", enb.call, "config.check")
        self.named("CONFIG", enb.call, "config.reload")
        file.write_text(text)
        enb.subscribe(topics=["config.reloaded"])
        lab.process["enb1"].send_signal(signal.SIGHUP)
        enb.wait_event(lambda e: e["topic"] == "config.reloaded")
        self.assertEqual(enb.call("log.get")["ho"], "info")
        # What would keep it waiting is refused.
        file.unlink()
        os.mkfifo(file)
        for method in ("config.check", "config.reload"):
            with self.assertRaises(KeyhopError) as caught:
                enb.call(method)
            self.assertEqual(caught.exception.name, "CONFIG")
            self.assertIn("enb1.yaml: not a regular file", str(caught.exception))

    def test_from_a_pipe(self):
        lab = self.lab(start=False, enbs=2)
        lab.prepare()
        files = {"subscribers": "subscribers.csv", "tls.ca": "ca.pem", "tls.cert": "mme.pem", "tls.key": "mme.key",
                 "tls.crl": "crl.pem"}
        whole = [arg for key, name in files.items() for arg in ("-o", f"{key}={lab.path}/{name}")]
        done = subprocess.run([lab.binary("mme"), "-c", "/dev/stdin", "--check", *whole], capture_output=True, text=True,
                              input=(lab.path / "mme.yaml").read_text(), timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_levels_of_categories_while_it_runs(self):
        lab = self.lab(enbs=2, extra={"enb1": "log: {level: info, file: enb1.log, categories: {ho: warn}}\n"}, start=False)
        lab.prepare()
        file = lab.path / "enb1.yaml"
        lines = file.read_text().splitlines()
        file.write_text("\n".join(l for l in lines if "file: enb1.log}" not in l) + "\n")
        lab.start_node("enb1")
        enb = lab.node("enb1")
        self.assertEqual(enb.call("log.get")["ho"], "warn")
        self.assertEqual(enb.call("log.get")["x2"], "info")
        enb.call("log.set", category="ho", level="trace")
        self.assertEqual(enb.call("log.get")["ho"], "trace")
        self.named("INVALID_PARAMS", enb.call, "log.set", level="loud")

    def test_log_as_json(self):
        lab = self.lab(enbs=2, start=False)
        lab.prepare()
        for name in lab.names():
            file = lab.path / f"{name}.yaml"
            file.write_text(file.read_text().replace("log: {level: info,", "log: {level: info, format: json,"))
        lab.start_node("mme")
        for name in lab.names()[1:]:
            lab.start_node(name)
        lab.until_ready()
        lab.attach_all()
        lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        steps = set()
        for name in lab.names():
            for line in (lab.path / f"{name}.log").read_text().splitlines():
                record = json.loads(line)
                self.assertLessEqual({"ts", "lvl", "cat", "node", "msg"}, set(record), line)
                steps.add(record.get("step"))
        self.assertLessEqual({"2", "3", "4", "5", "7", "7a", "8", "9", "10", "11", "12"}, steps)

    def test_check_and_dump(self):
        lab = self.lab(enbs=2, start=False)
        lab.prepare()
        for name in lab.names():
            def run(*words):
                return subprocess.run([str(lab.binary(name)), "-c", str(lab.path / f"{name}.yaml"), *words],
                                      capture_output=True, text=True, timeout=30)
            self.assertEqual(run("--check").returncode, 0)
            wrong = run("--check", "-o", "log.level=loud")
            self.assertEqual(wrong.returncode, 2)
            self.assertIn("log.level", wrong.stderr)
            dump = run("--dump-config", "-o", "log.level=debug")
            self.assertEqual(dump.returncode, 0)
            rows = {line.split()[0]: line for line in dump.stdout.splitlines()}
            self.assertRegex(rows["log.level"], r"debug +# -o log.level$")
            self.assertRegex(rows["node.name"], rf"{name} +# .*{name}.yaml:\d+$")
            self.assertRegex(rows["log.format"], r"text +# default$")
            schema = json.loads(run("--dump-schema").stdout)
            self.assertLessEqual({o["key"] for o in schema["options"] if "[]" not in o["key"]}, set(rows))


if __name__ == "__main__":
    unittest.main()
