"""The control socket: every method of every daemon, called right and in every wrong way its schema allows."""

import grp
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from labtest import ROOT, KeyhopError, LabTest, Node, frame, raw
from evil import pack
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
              ("fault.list", {"offset": 0, "limit": 10}, None), ("fault.clear", {"id": 1}, None),
              ("capture.start", {"file": "more.pcapng", "max_size": 0, "max_age_ms": 0, "files": 1}, None),
              ("capture.status", {}, None), ("capture.stop", {}, None),
              ("trace.start", {"ue": a, "interfaces": ["S1", "Uu"]}, None), ("trace.status", {}, None),
              ("trace.stop", {}, None)]
    page = {"offset": 0, "limit": 10}
    mme = [("enb.list", page, None), ("enb.show", {"enb": "enb1"}, None), ("ue.list", page, None), ("ue.show", {"ue": a}, None),
           ("hkey.show", {"ue": a}, None), ("scheme.get", {}, None),
           ("scheme.set", {"wrap": "aes-gcm", "h_key_bits": 128, "enb_key_bits": 128, "kenb_input": "plmn"}, None),
           ("enbkey.list", {}, None), ("enbkey.rotate", {"enb": "enb2"}, None), ("hkey.issue", {"ue": a, "enbs": [2]}, None),
           ("wraplist.show", {"ue": a}, None), ("wraplist.push", {"ue": a}, None),
           ("key.list", {"ue": a}, None), ("subscriber.list", page, None), ("subscriber.show", {"ue": a}, None),
           ("subscriber.add", {"ue": new, "k": K, "opc": K, "sqn": "000000000020"}, None),
           ("subscriber.import", {"file": str(lab.path / "more.csv"), "text": f"001010000000079,{K},{K}\n", "line": 1, "replace": True}, None), ("subscriber.remove", {"ue": new}, None),
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
          ("air.set", {"ue": a, "loss": 0.25, "delay_ms": 1, "jitter_ms": 0}, None), ("air.get", {"ue": a}, None),
          ("air.set", {"loss": 0}, None), ("traffic.ping", {"ue": a}, None), ("handover.list", {}, None), ("handover.show", {"ue": a}, "NOT_FOUND"),
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
                    # ue.release has sent it away, and it may be on its way back; the MME may have dropped its cell.
                    lab.node("ue").subscribe(since=0, ue=params["ue"])
                    try:
                        node.call(method, **params)
                    except KeyhopError as e:
                        self.assertIn(e.name, ("BAD_STATE", "LINK_LOST"))
                        lab.node("ue").wait_event(lambda e: e["topic"] == "ue.attached")
                else:
                    self.assertIsInstance(node.call(method, **params), dict, method)

    def test_lines_that_are_no_requests(self):
        lab = self.start()
        for text, code, name in ((b"no json", -32700, "PARSE_ERROR"), (b"[]", -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"2.0","id":"' + b"x" * 257 + b'","method":"ping"}', -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', -32601, "METHOD_NOT_FOUND"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600, "INVALID_REQUEST"),
                                 (b'{"jsonrpc":"2.0","id":1,"method":"fault.clear","parms":{"id":1}}', -32600, "INVALID_REQUEST")):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(lab.socket_path("mme")))
                f = s.makefile("rb")
                f.readline()
                s.sendall(text + b"\n")
                error = json.loads(f.readline())["error"]
                self.assertEqual((error["code"], error["data"]["name"]), (code, name), text)
                self.assertEqual(error["data"]["cause"], "usage")
                self.assertTrue(error["data"]["hint"])
                f.close()
        lab.node("mme").call("ping")

    def test_the_last_line_without_an_end(self):
        lab = self.start()
        whole, half = (b'{"jsonrpc":"2.0","id":%d,"method":"shutdown"}' % n for n in (1, 2))
        for said in (half[:20], half, whole.replace(b"shutdown", b"ping") + b"\n" + half):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(lab.socket_path("mme")))
                s.sendall(said)
                s.shutdown(socket.SHUT_WR)
                with s.makefile("rb") as f:
                    answers = [json.loads(line) for line in f][1:]
            self.assertEqual(len(answers), 1 + said.count(b"\n"))
            self.assertEqual(answers[-1]["error"]["data"]["name"], "PARSE_ERROR")
            self.assertIn("has no end", answers[-1]["error"]["message"])
        lab.node("mme").call("ping")

    def test_a_number_out_of_range_is_told_the_range(self):
        lab = self.start()
        for method, params, said in (("ue.list", {"offset": -1}, "from 0 to 9007199254740992"), ("ue.list", {"limit": 0}, "from 1 to 10000"),
                                     ("events.subscribe", {"since": 2**53 + 1}, "from 0 to 9007199254740992")):
            self.assertIn(said, str(self.refused_as(lab.node("mme"), method, params)))

    def test_a_wrong_part_of_a_subscriber_is_told_what_it_wants(self):
        lab = self.start()
        good = {"ue": "001010000000077", "k": K, "opc": K, "sqn": "000000000020"}
        for node, method in (("mme", "subscriber.add"), ("ue", "ue.add")):
            for part in good:
                error = self.refused_as(lab.node(node), method, good | {part: "7"})
                self.assertTrue(error.data["hint"].startswith(f"{part}: "), error.data)

    def test_a_broken_line_is_not_quoted(self):
        lab = self.start()
        secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        node = lab.node("mme")
        for text in (f'{{"jsonrpc":"2.0","id":1,"method":"subscriber.add","params":{{"k":{secret}}}}}',
                     f'{{"k":"{secret}" "opc":"{secret}"}}', f'{{"{secret}":1,"{secret}":2}}', f'"{secret}'):
            node._socket.sendall(text.encode() + b"\n")
            answer = node._read(time.monotonic() + 10)
            self.assertEqual(answer["error"]["data"]["name"], "PARSE_ERROR", answer)
            self.assertNotIn(secret[:6], json.dumps(answer))
        self.assertNotIn(secret[:6], (lab.path / "mme.log").read_text())

    def test_who_connects_is_in_the_log(self):
        lab = self.start()
        with Node(lab.socket_path("mme")) as node:
            node.call("ping")
        self.assertRegex((lab.path / "mme.log").read_text(),
                         rf"INFO +mme ctl control client \d+ uid={os.getuid()} pid={os.getpid()}\n")

    def test_too_much_is_refused_by_name(self):
        lab = self.start()
        clients = []
        try:
            for _ in range(64):
                clients.append(socket.socket(socket.AF_UNIX))
                clients[-1].settimeout(10)
                clients[-1].connect(str(lab.socket_path("mme")))
            with clients[-1].makefile("rb") as f:
                error = json.loads(f.readline())["error"]
            self.assertEqual((error["code"], error["data"]["name"], error["data"]["cause"]), (1429, "BUSY", "busy"))
            clients[0].sendall(b"x" * 70000 + b"\n")
            with clients[0].makefile("rb") as f:
                f.readline()
                error = json.loads(f.readline())["error"]
            self.assertEqual((error["code"], error["data"]["name"]), (-32700, "PARSE_ERROR"))
        finally:
            for s in clients:
                s.close()

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

    def test_ids_are_the_whole_text(self):
        lab = self.start()
        lab.attach_all()
        a = lab.imsis[0]
        mme, enb1, ue = (lab.node(name) for name in ("mme", "enb1", "ue"))
        mme_id, c_rnti = (enb1.call("ue.show", ue=a)[key] for key in ("mme_ue_id", "c_rnti"))
        for text in (str(mme_id), f"0x{mme_id:x}"):
            self.assertEqual((mme.call("ue.show", ue=text)["ue"], enb1.call("ue.show", ue=text)["ue"]), (a, a))
        self.assertEqual(enb1.call("ue.show", ue=f"rnti-{c_rnti}")["ue"], a)
        self.assertEqual(mme.call("enb.show", enb="0x2")["name"], "enb2")

        def wrong(number):
            return ("", f"{number}x", f" {number}", f"{number} ", f"+{number}", f"-{number}", f"0{number}",
                    str(number + 2**32), f"{number}.0")

        for text in (*wrong(mme_id), a + "abc", " " + a, a[:-1]):
            for node in (mme, enb1, ue):
                self.named("UE_NOT_FOUND", node.call, "ue.show", ue=text)
            self.named("INVALID_PARAMS", mme.call, "subscriber.add", ue=text, k=K, opc=K)
        for text in (*wrong(c_rnti), str(c_rnti + 2**16)):
            self.named("UE_NOT_FOUND", enb1.call, "ue.show", ue="rnti-" + text)
        for text in wrong(2):
            self.named("ENB_NOT_FOUND", mme.call, "enb.show", enb=text)
            self.named("ENB_NOT_FOUND", enb1.call, "neighbour.probe", enb=text)
            self.named("NOT_A_NEIGHBOUR", enb1.call, "handover.start", ue=a, target=text)
            self.named("ENB_NOT_FOUND", ue.call, "attach", ue=a, cell=text)

    def test_one_row_of_the_schema(self):
        lab = self.start()
        node = lab.node("enb1")
        for name, kind in (("ue.list", "method"), ("handover.completed", "event"), ("a3.offset", "option"),
                           ("unwrap-failed", "cause"), ("keyhop_handovers_total", "metric"), ("hello", "notification"),
                           ("event", "notification"), ("events.lost", "notification")):
            self.assertEqual(node.call("schema.get", name=name)["kind"], kind)
        self.refused_as(node, "schema.get", {"name": "no.such"}, 1404, "NOT_FOUND")

    def test_notifications_are_as_described(self):
        lab = self.lab(enbs=2, extra={"enb1": "events_messages: true\n"}, start=False)
        lab.topology["options"] = [{"node": "enb1", "option": "control.event_ring", "value": 8}]
        lab.start()
        lab.attach_all()
        lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        kinds = {"string": str, "int": int, "bool": bool, "array": list}
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(lab.socket_path("enb1")))
            f = s.makefile("rw")
            f.write('{"jsonrpc":"2.0","id":1,"method":"schema.list"}\n'
                    '{"jsonrpc":"2.0","id":2,"method":"events.subscribe","params":{"since":0}}\n'
                    '{"jsonrpc":"2.0","id":3,"method":"ping"}\n')
            f.flush()
            lines = []
            while not lines or lines[-1].get("id") != 3:
                lines.append(json.loads(f.readline()))
            f.close()
        table = {n["name"]: n["params"] for n in lines[1]["result"]["notifications"]}
        seen = {}
        for line in lines:
            if "method" not in line:
                continue
            members = {p["name"]: kinds[p["type"]] for p in table[line["method"]]}
            self.assertLessEqual(set(line["params"]), set(members))
            self.assertLessEqual({p["name"] for p in table[line["method"]] if p["required"]}, set(line["params"]))
            for name, value in line["params"].items():
                self.assertIs(type(value), members[name], line)
            seen.setdefault(line["method"], []).append(line["params"])
        self.assertEqual(set(seen), set(table), "each of them was said")

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

    def test_pages_of_what_comes_and_goes(self):
        lab = self.lab(enbs=2, ues=6)
        lab.attach_all()
        mme, enb1, ue = (lab.node(name) for name in ("mme", "enb1", "ue"))
        mme.subscribe(topics=["ue.released"])

        def detach(imsi):
            ue.call("detach", ue=imsi, wait=True)
            mme.wait_event(lambda e: e.get("ue") == imsi)

        def remove(imsi):
            detach(imsi)
            ue.call("ue.remove", ue=imsi)
        for node, method, leave in (
                (enb1, "ue.list", lambda imsi: enb1.call("handover.start", ue=imsi, target="enb2", wait=True)),
                (ue, "ue.list", remove),
                (mme, "ue.list", detach),
                (mme, "subscriber.list", lambda imsi: mme.call("subscriber.remove", ue=imsi))):
            whole = [item["ue"] for item in node.call(method)["items"]]
            page = node.call(method, limit=2)
            seen = [item["ue"] for item in page["items"]]
            leave(seen[0])
            while page["next"] is not None:
                page = node.call(method, limit=2, offset=page["next"])
                seen += [item["ue"] for item in page["items"]]
            self.assertEqual(seen, whole, f"{node.path} {method}")

    def test_every_list_comes_in_pages(self):
        lab = self.start()
        lab.attach_all()
        a, sizes = lab.imsis[0], {}
        for name in ("mme", "enb1", "ue"):
            node = lab.node(name)
            for _ in range(3):
                node.call("fault.set", fault="drop", message="7", count=1000)
            for method in node.call("schema.list")["methods"]:
                if not method["name"].endswith(".list") or method["name"] == "schema.list":
                    continue
                params = {p["name"] for p in method["params"]}
                self.assertLessEqual({"offset", "limit"}, params, method["name"])
                of = {"ue": a} if "ue" in params else {}
                whole = node.call(method["name"], **of)
                self.assertIsNone(whole["next"])
                items, offset = [], 0
                while offset is not None:
                    page = node.call(method["name"], offset=offset, limit=2, **of)
                    self.assertLessEqual(len(page["items"]), 2)
                    items += page["items"]
                    offset = page["next"]
                still = [[{k: v for k, v in i.items() if k != "age_us"} for i in some] for some in (items, whole["items"])]
                self.assertEqual(still[0], still[1], method["name"])
                sizes[name, method["name"]] = len(items)
        for long in (("mme", "enbkey.list"), ("mme", "key.list"), ("enb1", "key.list"), ("ue", "key.list"), ("enb1", "fault.list")):
            self.assertGreater(sizes[long], 2)
        self.assertEqual(sizes["enb1", "neighbour.list"], 2)

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
        self.assertIn("bad.csv:2:17: wrong k", str(caught.exception))
        self.named("UNKNOWN_SUBSCRIBER", mme.call, "subscriber.show", ue="001010000000090")
        self.assertNotIn(secret, str(caught.exception.data) + str(caught.exception))
        for name in lab.names():
            self.assertNotIn(secret, (lab.path / f"{name}.log").read_text())

    def test_an_import_is_all_or_nothing(self):
        lab = self.start()
        mme, secret, a = lab.node("mme"), "0f1e2d3c4b5a69788796a5b4c3d2e1f0", lab.imsis[0]
        count = mme.call("status")["subscribers"]
        fp = mme.call("subscriber.show", ue=a)

        def piece(*imsis, **params):
            text = "".join(f"{imsi},{secret},{secret}\n" for imsi in imsis)
            return mme.call("subscriber.import", file="x.csv", text=text, **params)

        for bad, params, name, said in ((("001010000000090", a), {"line": 41}, "ALREADY_EXISTS", "x.csv:42:1: exists already"),
                                        (("001010000000090", "001010000000090"), {}, "ALREADY_EXISTS", "x.csv:2:1: "),
                                        (("001010000000090", a, "1"), {"replace": True}, "BAD_FIELD", "x.csv:3:1: wrong imsi"),
                                        (("001010000000090", a, "001010000000091-001019999999999"), {"replace": True}, "BAD_FIELD",
                                         "x.csv:3:1: wrong range")):
            with self.assertRaises(KeyhopError) as caught:
                piece(*bad, **params)
            self.assertEqual(caught.exception.name, name)
            self.assertIn(said, str(caught.exception))
            self.assertNotIn(secret, str(caught.exception) + str(caught.exception.data))
            self.assertEqual(mme.call("status")["subscribers"], count)
            self.assertEqual(mme.call("subscriber.show", ue=a), fp)
        self.assertEqual(piece("001010000000090", "001010000000091"), {"outcome": "completed", "added": 2, "replaced": 0})
        self.assertEqual(piece("001010000000092", a, replace=True), {"outcome": "completed", "added": 1, "replaced": 1})
        self.assertNotEqual(mme.call("subscriber.show", ue=a)["k_fp"], fp["k_fp"])
        self.assertGreaterEqual(mme.call("subscriber.show", ue=a)["sqn"], fp["sqn"])
        self.assertEqual(mme.call("status")["subscribers"], count + 3)
        keys = (lab.path / "mme.keylog").read_text()
        self.assertEqual(keys.count(secret), 8)

    def test_no_more_subscribers_than_the_limit(self):
        lab = self.lab(enbs=2, ues=2, extra={"mme": "limits: {subscribers: 3}\n"})
        mme = lab.node("mme")
        text = f"001010000000090,{K},{K}\n001010000000091,{K},{K}\n"
        self.named("NO_RESOURCES", mme.call, "subscriber.import", file="x", text=text)
        mme.call("subscriber.add", ue="001010000000090", k=K, opc=K)
        self.named("NO_RESOURCES", mme.call, "subscriber.add", ue="001010000000091", k=K, opc=K)
        self.assertEqual(mme.call("status")["subscribers"], 3)
        # One that is named over and over, by ranges, is work and memory all the same.
        fp = mme.call("subscriber.show", ue=lab.imsis[0])["k_fp"]
        some = f"{lab.imsis[0]}-{lab.imsis[1]},{K},{K}\n"
        self.named("NO_RESOURCES", mme.call, "subscriber.import", file="x", text=some * 2, replace=True)
        self.assertEqual(mme.call("subscriber.show", ue=lab.imsis[0])["k_fp"], fp)
        self.assertEqual(mme.call("subscriber.import", file="x", text=some, replace=True)["replaced"], 2)

    def test_no_more_neighbours_than_there_can_be(self):
        lab = self.lab(enbs=2, ues=1, transport="tcp", start=False)
        lab.topology["security"] = "none"
        lab.start()
        lab.attach_all()
        enb1 = lab.node("enb1")
        for n in range(1023):
            enb1.call("neighbour.add", enb=1000 + n, address="127.0.0.1", port=1)
        self.named("NO_RESOURCES", enb1.call, "neighbour.add", enb=3000, address="127.0.0.1", port=1)
        enb1.call("neighbour.add", enb=1000, address="127.0.0.1", port=2)
        enb1.subscribe(topics=["refused"])
        setup = pack({20: {1: 4000, 2: bytes.fromhex("00f110"), 3: "stranger", 4: 1}})
        failure = raw(lab.address("enb1"), 36522, frame(setup))
        self.assertEqual(failure[4:6], bytes([22 << 3 & 0x7F | 2 | 0x80, 1]), "22 is X2 SETUP FAILURE")
        enb1.wait_event("refused", cause="no-resources")
        self.assertEqual(enb1.call("status")["neighbours"], 1024)
        self.assertEqual(enb1.call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)["outcome"], "completed")

    def test_no_more_ues_than_the_limit(self):
        lab = self.lab(enbs=2, ues=2, extra={"ue": "limits: {ues: 3}\n"})
        ue = lab.node("ue")
        ue.call("ue.add", ue="001010000000090", k=K, opc=K)
        self.named("NO_RESOURCES", ue.call, "ue.add", ue="001010000000091", k=K, opc=K)
        self.named("ALREADY_EXISTS", ue.call, "ue.add", ue=lab.imsis[0], k=K, opc=K)
        lab.stop_node("ue")
        done = subprocess.run([str(lab.binary("ue")), "-c", str(lab.path / "ue.yaml"), "--check", "-o", "limits.ues=1"], capture_output=True,
                              text=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"ue-subscribers.csv:3:1: a configured limit is reached")


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
        steps, of = set(), {}
        for name in lab.names():
            for line in (lab.path / f"{name}.log").read_text().splitlines():
                record = json.loads(line, object_pairs_hook=self.each_once)
                self.assertLessEqual({"ts", "lvl", "cat", "node", "msg"}, set(record), line)
                steps.add(record.get("step"))
                of[name, " ".join(record["msg"].split()[:2])] = record
                if record["msg"].startswith(("rx ", "tx ")):
                    self.assertTrue({"peer", "ue"} & set(record) or "(" in record["msg"], line)
        self.assertLessEqual({"2", "3", "4", "5", "7", "7a", "8", "9", "10", "11", "12"}, steps)
        whom = {"ue": lab.imsis[0]}
        for place, fields in ((("enb1", "tx s1.neighbour_list"), {"step": "3", "peer": "mme"} | whom),
                              (("mme", "rx s1.neighbour_list"), {"step": "3", "peer": "enb1"} | whom),
                              (("enb1", "rx s1.wrapped_key_list"), {"step": "4", "peer": "mme", "gen": "1"} | whom),
                              (("enb1", "tx x2.handover_request"), {"step": "7", "peer": "enb2", "gen": "1"} | whom),
                              (("enb2", "rx x2.handover_request"), {"step": "7", "peer": "enb1", "gen": "1"}),
                              (("enb2", "rx rrc.handover_confirm"), {"step": "10"} | whom),
                              (("ue", "rx rrc.handover_command"), {"step": "9", "gen": "1"} | whom)):
            self.assertLessEqual(fields.items(), of[place].items())
        self.assertRegex(of["enb2", f"step=7a ue={lab.imsis[0]}"]["fp"], "^[0-9a-f]{8}$")

    def each_once(self, pairs):
        self.assertEqual(len(pairs), len(dict(pairs)), pairs)
        return dict(pairs)

    def test_lines_for_the_journal(self):
        lab = self.lab(enbs=2, start=False)
        lab.prepare()
        for shift, form, mark in ((0, "text", "<4>"), (0, "json", "<4>"), (1, "text", "")):
            with open(lab.path / "stderr", "w+") as err:
                st = os.fstat(err.fileno())
                environment = os.environ | {"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino + shift}"}
                subprocess.run([str(lab.binary("enb1")), "-c", str(lab.path / "enb1.yaml"), "--check", "-o", "log.file=", "-o",
                                "security=none", "-o", f"log.format={form}"], stderr=err, env=environment, check=True, timeout=30)
                err.seek(0)
                lines = [line for line in err if "security: none" in line]
            self.assertEqual(len(lines), 1)
            self.assertTrue(lines[0].startswith(mark + ("{" if form == "json" else "2")), lines)

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
