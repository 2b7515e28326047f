"""Scenarios: the library, the kinds of steps, and what happens when a run does not go well."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import unittest
import xml.etree.ElementTree
from pathlib import Path

from campaign import fast_options
from labtest import ROOT, LabTest

BUILD = Path(os.environ["KEYHOP_BUILD"])
KEYHOP = BUILD / "ctl" / "keyhop"
FAULTS = dict.fromkeys(["mme", "*enb", "ue"], "lab: {faults: true}\n")


class Run(LabTest):
    def tool(self, *words, code=0):
        done = subprocess.run([str(KEYHOP), *map(str, words)], capture_output=True, text=True, timeout=120,
                              env=os.environ | {"KEYHOP_RUN": str(self.path)})
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def start(self, **options):
        lab = self.lab(**options)
        self.path = lab.path
        return lab

    def play(self, steps, *words, code=0, head=""):
        """Runs a scenario; its summary, or what it said."""
        file = self.path / "scenario.yaml"
        file.write_text(head + "steps:\n" + "".join(f"  - {{do: {s}}}\n" for s in steps))
        said = self.tool("-o", "json", "run", file, *words, code=code)
        return said if code else json.loads(said)

    def events(self, lab, name, topic):
        text = (lab.path / f"{name}.events.ndjson").read_text()
        return [e for e in map(json.loads, text.splitlines()) if e["topic"] == topic]

    def test_the_library(self):
        lab = self.start(enbs=3, ues=5, extra=FAULTS)
        files = sorted((ROOT / "conf" / "scenarios").glob("*.yaml"))
        self.assertGreater(len(files), 12)
        for file in files:
            self.assertTrue(file.read_text().startswith("# "), f"{file.name} says what it shows")
            for ue in json.loads(self.tool("mme", "-o", "json", "ue", "list"))["items"]:
                self.tool("ue", "detach", "--ue", ue["ue"])
                self.tool("wait", "ue", ue["ue"], "detached")
            out = lab.path / "out of runs" / file.stem
            printed = self.tool("run", file, "--out", out, f"--junit={out}.xml", "--seed", "3")
            self.assertRegex(printed, r"(?m)^OK ", file.name)
            summary = json.loads((out / "summary.json").read_text())
            self.assertIsNone(summary["failure"])
            self.assertEqual(summary["events_lost"], 0)
            suite = xml.etree.ElementTree.parse(f"{out}.xml").getroot()
            self.assertEqual(suite.get("failures"), "0")
            self.assertEqual(int(suite.get("tests")), len(summary["steps"]))
            self.assertTrue((out / "events.ndjson").read_text())

    def test_one_that_begins_in_a_certain_cell(self):
        """It brings its UEs there itself, from wherever they are."""
        self.start(enbs=3, ues=2, extra=FAULTS)
        for name in ("chain", "partition", "lost-10", "corrupt-7", "chain"):
            self.play(["attach", "move, path: enb3"], head="settle: true\n")
            self.assertRegex(self.tool("run", ROOT / f"conf/scenarios/{name}.yaml", "--ues", 2), r"(?m)^OK ", name)

    def test_events_of_one_step_do_not_end_the_next(self):
        """Those that follow what was expected find `ready` not begun; its answers end no move."""
        self.start(enbs=3, ues=2)
        s = self.play(["detach", "attach, cell: enb1", "expect, node: enb1, topic: hkey.relayed",
                       "call, node: enb2, method: mme.disconnect", "move, path: enb2",
                       "call, node: enb2, method: mme.connect",
                       "expect, node: mme, topic: location_update.received, timeout: 30s", "ready, timeout: 30s",
                       "move, path: enb3", "ping"], "--repeat", 20)
        self.assertEqual((s["completed"], s["pings"]), (80, 40))

    def test_one_that_fails_says_so(self):
        lab = self.start(enbs=2)
        said = self.play(["attach, cell: enb1", 'expect, topic: handover.completed, cause: "<none>", timeout: 50ms'],
                         "--junit", lab.path / "j.xml", code=1)
        self.assertIn("no handover.completed", said)
        suite = xml.etree.ElementTree.parse(str(lab.path / "j.xml")).getroot()
        self.assertIn("<none>", suite.find("testcase/failure").get("message"))
        file = self.path / "scenario.yaml"
        file.write_text("steps:\n  - {do: ping}\n")
        table = self.tool("run", file)
        self.assertEqual(re.findall(r"(?m)^memory (\S+)", table), ["enb1", "enb2", "mme", "ue"])
        self.assertRegex(table, r"(?m)^memory mme .* 1 UE$")
        self.assertIn("FAULTS_OFF: set lab.faults", self.play(['fault, node: enb1, fault: drop, message: "7"'], code=1))
        self.assertIn("air: FAULTS_OFF: set lab.faults", self.play(["air, loss: 1"], code=1))
        self.assertIn("No such file", self.play(["ready"], "--junit", lab.path / "no" / "j.xml", code=2))
        self.assertIn("which must not", self.play(
            ["move, path: enb2", "expect, node: enb1, topic: handover.completed, never: true"], code=1))
        self.assertIn("not detached", self.play(["state, state: detached, timeout: 50ms"], code=1))

    def test_slips_in_a_scenario(self):
        """Each is named with its place and the nearest name, before anything is done."""
        self.start(enbs=2, extra=FAULTS)
        for step, column, said in (
                ("atach", 10, '"do" cannot be "atach", did you mean "attach"'), ("sleep", 10, 'wants one of attach, '),
                ("attach, cel: enb1", 18, 'did you mean "cell"'),
                ("attach, cell: enb9", 24, 'no cell "enb9", did you mean "enb1"'), ("attach, cell: mme", 24, 'no cell "mme"'),
                ("move, path: enb2 ebn1", 22, 'no cell "ebn1", did you mean "enb1"'), ("move", 5, 'move wants "path"'),
                ("ping-pong, path: enb1", 27, "two cells"), ("ping-pong", 5, '"path"'), ("measure", 5, '"to"'),
                ("measure, to: emb2", 23, '"enb2"'), ("trace", 5, '"file"'), ("expect", 5, '"topic"'),
                ("expect, topic: handover.complted", 25, 'did you mean "handover.completed"'), ("state", 5, '"state"'),
                ("expect, topic: enb.up, node: nme", 39, 'no node "nme", did you mean "mme"'),
                ("walk, moves: many", 23, "a number"), ("wait, delay: 5x", 23, "5x"), ("walk, may_fail: 3", 26, "3"),
                ("fault, node: enb1, message: '7'", 5, '"fault"'), ("fault, node: enb1, fault: dorp, message: '7'", 36, '"drop"'),
                ("fault, node: enb1, fault: drop, message: '7', direction: up", 67, "tx or rx"),
                ("call, node: mme", 5, '"method"'), ("call, node: mme, method: ping, params: '{'", 49, "JSON object: "),
                ("call, node: mme, method: ping, params: '[]'", 49, "JSON object")):
            with self.subTest(step):
                self.assertRegex(self.play([step], code=2), rf"(?m)^keyhop: .*/scenario\.yaml:2:{column}: .*{re.escape(said)}")
        self.assertRegex(self.play(["ready"], code=2, head="reapet: 2\n"), r'scenario\.yaml:1:1: .*did you mean "repeat"')
        self.play(["attach, cell: 1", "move, path: 2"])
        for words, said in ((("--repeat", "0"), "--repeat: .*number 1.."), (("--rate", "fast"), "--rate: .*number"),
                            (("--rate=-1",), "--rate: "), (("--moves", "0"), '--moves: "0"'), (("--ues", "1e3"), "--ues: "),
                            (("--in-flight", "0"), "--in.flight: "), (("--uess", "3"), "did you mean --ues")):
            self.assertRegex(self.play(["ready"], *words, code=2), said)

    def begin(self, lab, steps, *words):
        """A run that is at its last step: the one before sets the log's level, which is in force when this returns."""
        file = self.path / "scenario.yaml"
        mark = "call, node: mme, method: enbkey.rotate, params: '{\"enb\": \"enb1\"}'"
        file.write_text("steps:\n" + "".join(f"  - {{do: {s}}}\n" for s in [*steps[:-1], mark, steps[-1]]))
        lab.node("mme").subscribe(topics=["enbkey.picked"])
        run = subprocess.Popen([str(KEYHOP), "run", str(file), *map(str, words)], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.PIPE, env=os.environ | {"KEYHOP_RUN": str(self.path)})
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        try:
            lab.node("mme").wait_event(lambda e: True, 60)
        except TimeoutError:
            run.kill()
            self.fail(f"the run did not come to its last step: {run.communicate()}")
        return run

    def test_a_node_that_dies(self):
        for last in ("wait, delay: 1h", "expect, topic: enb.up, timeout: 1h", "ping-pong, path: enb1 enb2, moves: 1000000"):
            with self.subTest(last):
                lab = self.start(enbs=3, ues=2)
                junit = self.path / "j.xml"
                run = self.begin(lab, ["attach, cell: enb1", last], "--junit", junit, "--out", self.path / "out")
                lab.stop_node("enb3", signal.SIGKILL)
                table, said = run.communicate(timeout=60)
                self.assertEqual(run.returncode, 3, said)
                self.assertIn("enb3 is gone", said)
                self.assertIn("FAILED", table)
                cases = xml.etree.ElementTree.parse(junit).getroot().findall("testcase")
                self.assertEqual([c.get("name").split()[1] for c in cases], ["attach", "call", last.split(",")[0]])
                self.assertEqual(["enb3 is gone" in f.get("message") for c in cases for f in c.findall("failure")], [True])
                self.assertTrue(cases[-1].findall("failure"))
                self.assertIn("enb3", json.loads((self.path / "out" / "summary.json").read_text())["failure"])

    def test_interrupted(self):
        lab = self.start(enbs=2, ues=3)
        for sig, last in ((signal.SIGINT, "ping-pong, path: enb1 enb2, moves: 1000000"), (signal.SIGTERM, "wait, delay: 1h")):
            run = self.begin(lab, ["attach, cell: enb1", "ping", last], "--junit", self.path / "j.xml", "-o", "ndjson")
            run.send_signal(sig)
            printed, said = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 128 + sig, said)
            self.assertIn("interrupted", said)
            [summary] = map(json.loads, printed.splitlines())
            self.assertEqual((summary["pings"], summary["failure"]), (3, "interrupted"))
            self.assertEqual([s["failure"] for s in summary["steps"]], ["", "", "", "interrupted"])
            self.assertEqual(xml.etree.ElementTree.parse(self.path / "j.xml").getroot().get("failures"), "1")
        # What was in flight comes to its end without the tool.
        self.play(["ping"])

    def test_forms_of_the_summary(self):
        self.start(enbs=2, ues=1)
        file = self.path / "scenario.yaml"
        file.write_text("name: '<&\">'\nsteps:\n  - {do: attach}\n  - {do: walk}\n")
        [row] = csv.DictReader(io.StringIO(self.tool("run", file, "-o", "csv", "--junit", self.path / "j.xml")))
        self.assertEqual((row["completed"], row["failed"], row["handover.samples"], row["failure"]), ("1", "0", "1", ""))
        self.assertEqual([s["step"] for s in json.loads(row["steps"])], ["attach", "walk"])
        suite = xml.etree.ElementTree.parse(self.path / "j.xml").getroot()
        self.assertEqual({suite.get("name")} | {c.get("classname") for c in suite}, {'<&">'})

    def test_phases_of_every_handover(self):
        self.start(enbs=2, ues=5)
        s = self.play(["attach", "ping-pong, path: enb2 enb1, moves: 8", "ping"], head="settle: true\n")
        self.assertEqual((s["completed"], s["failed"], s["pings"]), (40, 0, 5))
        for phase in ("handover", "preparation", "execution", "completion", "interruption"):
            p = s[phase]
            self.assertEqual(p["samples"], 40, phase)
            self.assertTrue(0 < p["p50_us"] <= p["p90_us"] <= p["p99_us"] <= p["max_us"], s[phase])

    def test_a_walk_keeps_to_the_graph(self):
        lab = self.start(enbs=3, ues=4)
        for a, b in ((1, 3), (3, 1)):
            lab.node(f"enb{a}").call("neighbour.remove", enb=f"enb{b}")
        s = self.play(["attach, cell: enb2", "walk, moves: 6", "ping"], "--seed", "5")
        self.assertEqual(s["completed"], 24)
        moves = {(e["source"], e["enb"]) for n in lab.enb_names() for e in self.events(lab, n, "handover.completed")}
        self.assertLessEqual(moves, {(1, 2), (2, 1), (2, 3), (3, 2)})
        self.assertIn((2, 3), moves)

    def test_ues_that_are_missing(self):
        lab = self.start(enbs=2, ues=1)
        s = self.play(["attach", "walk, moves: 2", "ping"], "--ues", "600", "--in-flight=100")
        self.assertEqual((s["ues"], s["attaches"], s["completed"], s["pings"]), (600, 600, 1200, 600))
        memory = {m["node"]: m for m in s["memory"]}
        self.assertEqual(memory["mme"]["ues"], 600)
        self.assertEqual(len(lab.node("mme").call("subscriber.list", limit=10000)["items"]), 600)
        # A thousand octets or two for each: what a context is, not what a page of a list is.
        for node in ("mme", "ue"):
            self.assertLess(memory[node]["heap_bytes"], 600 * 8192)

    def test_a_trace_by_its_times(self):
        lab = self.start(enbs=3, ues=2)
        self.play(["attach, cell: enb1"])
        first, second = lab.imsis
        (lab.path / "trace.csv").write_text(f"# a comment\ntime,ue,enb1,enb2,enb3\n0.2,{first},-100,,-70\n0,{second},-100,-70,\n")
        s = self.play(["trace, file: trace.csv, delay: 500ms", f"ping"])
        self.assertEqual(s["completed"], 2)
        # 700 ms, but for the milliseconds that timers count in.
        self.assertGreater(s["steps"][0]["duration_us"], 690000)
        reports = {e["ue"]: e["ts"] for e in self.events(lab, "ue", "measure.sent")}
        self.assertLess(reports[second], reports[first])
        self.assertEqual(lab.node("ue").call("ue.show", ue=first)["serving"], 3)
        (lab.path / "trace.csv").write_text(f"{first},enb3=-100,enb1=-60\n")
        self.assertEqual(self.play(["trace, file: trace.csv, delay: 500ms"])["completed"], 1)
        (lab.path / "trace.csv").write_text(f"{first},enb3=-100\n12,enb1=-60\n")
        self.assertIn("trace.csv:2:", self.play(["trace, file: trace.csv"], code=1))
        for text, said in (("", "there is no measurement in it"), ("# none\ntime,ue,enb1\n", "there is no measurement in it"),
                           (f"time,ue,enb1\n0,{first},-7O\n", "trace.csv:2: "), (f"time,ue,enb1\n0,{first},-70,-80\n", "trace.csv:2: "),
                           (f"{first},enb1=nan\n", "trace.csv:1: "), (f"{first},-70\n", "trace.csv:1: "),
                           (f"{first},enb9=-70\n", "INVALID_PARAMS: ")):
            (lab.path / "trace.csv").write_text(text)
            self.assertIn(said, self.play(["trace, file: trace.csv"], code=1))

    def test_calls_and_rates(self):
        lab = self.start(enbs=2, ues=6, extra=FAULTS)
        self.play(["attach, cell: enb1", "call, node: enb1, method: log.set, params: '{\"level\": \"debug\"}'",
                   "call, node: enb1, method: ue.show, params: '{\"ue\": \"1\"}'",
                   "call, node: enb1, method: handover.cancel, params: '{\"ue\": \"1\"}', cause: bad-state"])
        self.assertEqual(lab.node("enb1").call("log.get")["ho"], "debug")
        self.assertIn("success instead of bad-state",
                      self.play(["call, node: mme, method: ping, cause: bad-state"], code=1))
        s = self.play(["ping-pong, path: enb1 enb2, moves: 2"], "--rate", "10")
        self.assertEqual(s["completed"], 12)
        self.assertGreaterEqual(s["steps"][0]["duration_us"], 1000000, "12 handovers, 10 a second")

    # The cell that the UE moves to never answers: its 11 says that the UE is there, the UE goes back, is let in nowhere
    # and attaches anew.
    LOSE = [f"fault, node: enb2, fault: drop, message: {m}, count: 0"
            for m in ("rrc.handover_confirm_ack", "rrc.dl_information_transfer")]

    def test_a_ue_that_attaches_anew(self):
        lab = self.start(enbs=3, ues=2, extra=fast_options(cell=0))
        for head in ("", "settle: true\n"):
            for lost, failed in (("move, path: enb2, may_fail: true", 0), ("measure, to: enb2, may_fail: true", 2)):
                s = self.play(["detach", "attach, cell: enb1", *self.LOSE, lost, "clear",
                               "state, state: attached, cell: enb1, timeout: 30s", "ping", "move, path: enb3 enb1", "ping"],
                              head=head)
                self.assertEqual((s["reattaches"], s["failed"], s["pings"]), (2, failed, 4), lost)
                self.assertEqual(s["completed"], 6 - failed)
                self.assertEqual(s["causes"], {"UE_LOST": 2} if failed else {})
        self.assertIn("was lost after its handover and attached anew",
                      self.play(["detach", "attach, cell: enb1", *self.LOSE, "move, path: enb2"], code=1))

    def test_a_bad_radio(self):
        lab = self.start(enbs=2, ues=2, extra=fast_options(cell=0))
        self.play(["attach, cell: enb1", "air, loss: 0.5, latency: 7ms, jitter: 3ms"])
        got = lab.node("ue").call("air.get")
        self.assertEqual((got["loss"], got["delay_ms"], got["jitter_ms"]), (0.5, 7, 3))
        s = self.play(["air, loss: 100", "ping, may_fail: true", "move, path: enb2, may_fail: true", "air", "ping",
                       "move, path: enb2, may_fail: true", "ping"])
        self.assertEqual((s["causes"]["TIMEOUT"], s["pings"], s["reattaches"]), (4, 4, 0))
        self.assertIn("ping of", self.play(["air, loss: 100", "ping"], code=1))
        self.assertEqual(lab.node("ue").call("air.get")["loss"], 100)
        self.play(["air"])
        self.assertIn("loss", self.play(["air, loss: 100.1"], code=2))

    def test_what_never_comes_is_not_waited_for(self):
        lab = self.start(enbs=2, ues=1, extra=FAULTS)
        said = self.play(["attach, cell: enb1", "measure, to: enb1", "fault, node: ue, fault: drop, message: '6'",
                          "measure, to: enb2, timeout: 300ms"], code=1)
        self.assertIn("after its measurement", said)
        lab.stop_node("enb2")
        self.assertIn("neighbour", self.play(["wait, delay: 10ms", "walk, moves: 1"], code=1))


if __name__ == "__main__":
    unittest.main()
