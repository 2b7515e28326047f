"""Traces: every message of a handover is an event at both its ends, with filters; what procedures tell stays; no keys."""

import json
import os
import subprocess
import unittest

from labtest import Node
from wiretool import TOOL, WireTest

STEPS = {"3": ("s1.neighbour_list", "S1", "tunnel"), "4": ("s1.wrapped_key_list", "S1", "tunnel"),
         "5": ("nas.h_key_delivery", None, "nas"), "6": ("rrc.measurement_report", "Uu", "rrc"),
         "7": ("x2.handover_request", "X2", "tunnel"), "8": ("x2.handover_response", "X2", "tunnel"),
         "9": ("rrc.handover_command", "Uu", "rrc"), "10": ("rrc.handover_confirm", "Uu", "rrc"),
         "11": ("x2.handover_complete", "X2", "tunnel"), "12": ("s1.location_update", "S1", "tunnel"),
         "13": ("s1.new_key_list", "S1", "tunnel")}
WAYS = {"3": ("enb1", "mme"), "4": ("mme", "enb1"), "5": ("mme", "ue"), "6": ("ue", "enb1"), "7": ("enb1", "enb2"),
        "8": ("enb2", "enb1"), "9": ("enb1", "ue"), "10": ("ue", "enb2"), "11": ("enb2", "enb1"), "12": ("enb2", "mme"),
        "13": ("mme", "enb2")}


class Trace(WireTest):
    def traced(self, **options):
        """A lab with a trace at each node."""
        lab = self.lab(**({"enbs": 3} | options))
        for name in lab.names():
            lab.node(name).call("trace.start")
        return lab

    def told(self, lab, name):
        """Events of a node up to now."""
        events = []
        with Node(lab.socket_path(name), timeout=30) as node:
            last = node.subscribe(since=0)
            while last and (not events or events[-1]["seq"] < last):
                events.append(node.wait_event(lambda e: True))
        return events

    def messages(self, lab, name):
        return [e for e in self.told(lab, name) if e["topic"].startswith("msg.") and not e["message"].endswith(".heartbeat")]

    def handover(self, lab):
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        self.until_quiet(lab)

    def test_each_message_at_both_ends(self):
        lab = self.traced()
        self.handover(lab)
        seen = {name: self.messages(lab, name) for name in lab.names()}
        known = {message: step for step, (message, _, _) in STEPS.items()} | {"s1.enb_key": "2"}
        for name, events in seen.items():
            for e in events:
                self.assertEqual(e.get("step"), known.get(e["message"]))
                self.assertIn(e["topic"], ("msg.tx", "msg.rx"))
                self.assertGreater(e["octets"], 0)
        for step, (message, interface, protection) in STEPS.items():
            sender, receiver = WAYS[step]
            for name, topic, peer in ((sender, "msg.tx", receiver), (receiver, "msg.rx", sender)):
                mine = [e for e in seen[name] if e.get("step") == step and e["topic"] == topic]
                self.assertEqual(len(mine), 2 if step == "5" else 1, f"{step} at {name}: {mine}")
                e = mine[0]
                self.assertEqual((e["message"], e["protection"], e["ue"]), (message, protection, lab.imsis[0]))
                self.assertEqual(e["interface"], interface or {"mme": "S1", "ue": "Uu"}[name])
                self.assertEqual(e["peer"], lab.imsis[0] if peer == "ue" else peer)
                if step not in ("3", "6", "8", "10", "11", "12"):
                    self.assertEqual(e["gen"], 2 if step == "13" else 1)
        octets = {e["octets"] for n in ("enb1", "enb2") for e in seen[n] if e.get("step") == "7"}
        self.assertEqual(len(octets), 1)
        # What has no security of its own says so; what is inside S1 or RRC is not what carries it.
        nas = {e["message"]: e["protection"] for e in seen["ue"] if e["message"].startswith("nas.")}
        self.assertEqual((nas["nas.attach_request"], nas["nas.attach_accept"]), ("clear", "nas"))
        rrc = {e["message"]: e["protection"] for e in seen["enb1"] if e["interface"] == "Uu"}
        self.assertEqual((rrc["rrc.rrc_connection_setup"], rrc["rrc.rrc_reconfiguration"]), ("clear", "rrc"))
        # All that was counted was told of, but for what was before the trace.
        for name in lab.names():
            counts = lab.node(name).call("metrics.get")
            for message in {e["message"] for e in seen[name]} - {"s1.enb_key", "s1.enb_key_ack"}:
                told = [e["topic"] for e in seen[name] if e["message"] == message]
                self.assertEqual((told.count("msg.tx"), told.count("msg.rx")),
                                 (counts["tx"][message], counts["rx"][message]), f"{message} at {name}")

    def test_off_is_off(self):
        lab = self.lab(enbs=2)
        self.attach(lab)
        for name in lab.names():
            self.assertEqual(lab.node(name).call("trace.status"),
                             {"running": False, "ue": None, "interfaces": [], "messages": 0})
            self.assertEqual(self.messages(lab, name), [])
        enb1 = lab.node("enb1")
        self.named("NOT_FOUND", enb1.call, "trace.stop")
        enb1.call("trace.start")
        self.move(lab, ["enb1", "enb2"])
        last = enb1.call("trace.stop")
        self.assertFalse(last["running"])
        told = [e for e in self.told(lab, "enb1") if e["topic"].startswith("msg.")]
        self.assertEqual(len(told), last["messages"])
        self.assertEqual([e["step"] for e in told if "step" in e], ["6", "7", "8", "9", "11"])
        self.move(lab, ["enb2", "enb1"])
        self.assertEqual([e for e in self.told(lab, "enb1") if e["topic"].startswith("msg.")], told)

    def test_filters(self):
        lab = self.traced(ues=2)
        one, two = lab.imsis
        status = lab.node("enb1").call("trace.start", ue=one, interfaces=["x2", "UU"])
        self.assertEqual(status, {"running": True, "ue": one, "interfaces": ["X2", "Uu"], "messages": 0})
        lab.node("mme").call("trace.start", ue=two)
        lab.node("enb2").call("trace.start", interfaces=["S1"])
        self.handover(lab)
        seen = self.messages(lab, "enb1")
        self.assertEqual({(e["ue"], e["interface"]) for e in seen}, {(one, "X2"), (one, "Uu")})
        self.assertEqual([e["step"] for e in seen if "step" in e], ["6", "7", "8", "9", "11"])
        seen = self.messages(lab, "mme")
        self.assertEqual({e["ue"] for e in seen}, {two})
        self.assertEqual([e["step"] for e in seen if "step" in e], ["3", "4", "5", "12", "13", "5"])
        seen = self.messages(lab, "enb2")
        self.assertEqual({e["interface"] for e in seen}, {"S1"})
        self.assertEqual({e.get("ue") for e in seen}, {one, two})
        # It goes on with another filter, and counts anew.
        self.assertEqual(lab.node("enb2").call("trace.start"),
                         {"running": True, "ue": None, "interfaces": ["S1", "X2", "Uu"], "messages": 0})
        for params in ({"ue": "1234"}, {"interfaces": ["S2"]}, {"interfaces": [7]}):
            self.named("INVALID_PARAMS", lab.node("enb2").call, "trace.start", **params)

    def test_by_the_tool_at_all_nodes(self):
        lab = self.lab(enbs=2)
        done = subprocess.run([str(TOOL), "all", "trace", "start", "--interfaces", "X2,Uu", "-o", "json"], text=True,
                              capture_output=True, env=os.environ | {"KEYHOP_RUN": str(lab.path)}, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in lab.names():
            self.assertEqual(lab.node(name).call("trace.status")["interfaces"], ["X2", "Uu"], name)

    def test_subscribers_of_a_ue_see_its_messages(self):
        lab = self.traced(ues=2)
        self.handover(lab)
        for name, last in (("mme", "5"), ("enb1", "11"), ("enb2", "13"), ("ue", "5")):
            with Node(lab.socket_path(name), timeout=30) as node:
                node.subscribe(since=0, ue=lab.imsis[1], topics=["msg."])
                for topic in ("msg.tx", "msg.rx"):
                    self.assertEqual(node.wait_event(lambda e, t=topic: e["topic"] == t)["ue"], lab.imsis[1])
                self.assertEqual(node.wait_event(lambda e, s=last: e.get("step") == s)["ue"], lab.imsis[1])

    def test_without_labels(self):
        """An eNodeB that is not told the IMSI names the UE as it knows it."""
        lab = self.lab(enbs=2, mme={"lab": "{ue_label: false}"})
        lab.node("enb1").call("trace.start")
        self.attach(lab)
        four = [e for e in self.messages(lab, "enb1") if e.get("step") == "4"]
        self.assertEqual((len(four), "ue" in four[0]), (1, False))
        self.assertGreater(four[0]["mme_ue_id"], 0)

    def test_what_procedures_told_stays(self):
        """Many messages push out other messages only, and who wants none is not told that some are lost."""
        lab = self.lab(start=False, enbs=2)
        lab.topology["options"] = [{"node": "enb1", "option": "control.event_ring", "value": 64}]
        lab.start()
        self.attach(lab)
        enb1 = lab.node("enb1")
        before = {e["seq"] for e in self.told(lab, "enb1")}
        enb1.call("trace.start")
        while enb1.call("trace.status")["messages"] < 300:
            enb1.call("neighbour.probe", enb="enb2")  # a heartbeat, and its answer
        after = self.told(lab, "enb1")
        self.assertLessEqual(before, {e["seq"] for e in after})
        self.assertEqual(sum(e["topic"].startswith("msg.") for e in after), 64)
        for params, lost in (({"topics": ["ue.", "hkey."]}, False), ({}, True), ({"topics": ["msg.rx"]}, True)):
            with Node(lab.socket_path("enb1"), timeout=30) as node:
                said = []
                node._take = lambda message, take=node._take: (said.append(message.get("method")), take(message))
                node.subscribe(since=0, **params)
                node.call("ping")
                self.assertEqual("events.lost" in said, lost, params)

    def test_from_the_start(self):
        lab = self.lab(start=False, enbs=2)
        lab.extra = dict.fromkeys(lab.names(), "events_messages: true\n")
        lab.start()
        self.handover(lab)
        for name in lab.names():
            events = [json.loads(line) for line in (lab.path / f"{name}.events.ndjson").read_text().splitlines()]
            told = [e for e in events if e["topic"].startswith("msg.")]
            counts = lab.node(name).call("metrics.get")
            for direction in ("tx", "rx"):
                for message, count in counts[direction].items():
                    if message.endswith(".heartbeat"):
                        continue
                    n = sum(e["message"] == message and e["topic"] == f"msg.{direction}" for e in told)
                    self.assertEqual(n, count, f"{direction} {message} at {name}")

    def test_no_key_in_any_event(self):
        lab = self.lab(start=False, enbs=2)
        lab.extra = dict.fromkeys(lab.names(), "events_messages: true\n")
        lab.start()
        self.handover(lab)
        lab.node("mme").call("enbkey.rotate", enb="enb1")
        self.until_quiet(lab)
        keys = {line.split()[-1] for name in lab.names() for line in (lab.path / f"{name}.keylog").read_text().splitlines()}
        self.assertGreater(len(keys), 15)
        for name in lab.names():
            text = (lab.path / f"{name}.events.ndjson").read_text().lower()
            self.assertIn('"message":"', text)
            for key in keys:
                self.assertNotIn(key[:12], text)

    def test_a_capture_has_no_events_of_a_trace(self):
        lab = self.wire_lab(enbs=2)
        lab.start()
        lab.node("enb1").call("trace.start")
        self.attach(lab)
        self.assertNotIn(b"event=msg.", (lab.path / "enb1.pcapng").read_bytes())


if __name__ == "__main__":
    unittest.main()
