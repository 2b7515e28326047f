"""The tool as people use it: the transcripts of the README, exit codes, waiting, completion, forms of output."""

import csv
import io
import json
import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

from labtest import ROOT, LabTest

BUILD = Path(os.environ["KEYHOP_BUILD"])
KEYHOP = BUILD / "ctl" / "keyhop"


def transcripts(text):
    """[(command, expected lines)] of all console blocks, in order."""
    out = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                out.append((line[2:], []))
            else:
                out[-1][1].append(line)
    return out


def matches(expected, printed):
    """As in doctest: "..." stands for anything, and alone on a line for any lines."""
    pattern = ""
    for line in expected:
        pattern += r"(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"[ ]*\n"
    return re.fullmatch(pattern, printed)


class Shell:
    def __init__(self, cwd):
        env = os.environ | {"KEYHOP_BUILD": str(BUILD)}
        env.pop("KEYHOP_RUN", None)
        self.process = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
                                        stderr=subprocess.STDOUT, cwd=cwd)

    def run(self, command):
        """What it printed, and its exit code."""
        self.process.stdin.write(f"{command}\nprintf '@@%d@@\\n' $?\n")
        self.process.stdin.flush()
        out = ""
        for line in self.process.stdout:
            if end := re.fullmatch(r"(.*)@@(\d+)@@\n", line):
                return out + end[1], int(end[2])
            out += line
        raise AssertionError(f"the shell ended in {command}: {out}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Readme(unittest.TestCase):
    def test_transcripts(self):
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        path = Path(folder.name)
        (path / "scripts").mkdir()
        demo = path / "scripts" / "demo"
        demo.write_text(f'#!/bin/sh\nexec python3 {ROOT}/scripts/demo.py "$@"\n')
        demo.chmod(0o755)
        (path / "conf").symlink_to(ROOT / "conf")
        (path / "build").symlink_to(BUILD)
        steps = transcripts((ROOT / "README.md").read_text())
        commands = " ".join(command for command, _ in steps)
        for needed in ("attach", "handover start", "wait ue", "traffic ping", "ping-pong.yaml --ues 200", "fault set"):
            self.assertIn(needed, commands)
        shell = Shell(path)
        self.addCleanup(shell.close)
        self.addCleanup(shell.run, "[ ! -e run/mme.pid ] || scripts/demo --stop run")
        for command, expected in steps:
            printed, _ = shell.run(command)
            wanted = "\n".join(expected)
            self.assertTrue(matches(expected, printed), f"$ {command}\nprinted:\n{printed}\nexpected:\n{wanted}")
            if "run conf" in command:
                self.assertGreaterEqual(int(re.search(r"^OK +(\d+) hand", printed, re.M)[1]), 995)


class Tool(LabTest):
    def tool(self, *words, code=0):
        env = os.environ | {"KEYHOP_RUN": str(self.run_dir)}
        done = subprocess.run([str(KEYHOP), *words], capture_output=True, text=True, timeout=60, env=env)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def start(self, **options):
        lab = self.lab(**options)
        self.run_dir = lab.path
        return lab

    def test_exit_codes(self):
        lab = self.start(enbs=2)
        imsi = lab.imsis[0]
        self.tool("mme", "status")
        self.assertIn("BAD_STATE", self.tool("ue", "traffic", "ping", imsi, code=1))
        self.assertIn("usage", self.tool(code=2))
        self.assertIn("has no", self.tool("mme", "no", "such", code=2))
        self.assertIn("--nonsense", self.tool("mme", "status", "--nonsense", "1", code=2))
        self.assertIn("no socket", self.tool("enb7", "status", code=3))
        self.assertIn("UE_NOT_FOUND", self.tool("enb1", "ue", "show", "001019999999999", code=4))
        self.tool("wait", "ue", imsi, "attached", "--timeout", "0.05", code=5)
        self.assertIn("FAULTS_OFF", self.tool("enb1", "fault", "set", "--fault", "drop", "--message", "7", code=6))

    def test_wait(self):
        lab = self.start(enbs=2)
        imsi = lab.imsis[0]
        for name in lab.names():
            self.tool("wait", name, "ready")
        waiting = subprocess.Popen([str(KEYHOP), "wait", "ue", imsi, "at", "enb2", "--timeout", "20"],
                                   env=os.environ | {"KEYHOP_RUN": str(lab.path)})
        self.tool("ue", "attach", "--ue", imsi, "--cell", "enb1", "--wait")
        self.tool("wait", "ue", imsi, "attached")
        self.tool("wait", "ue", imsi, "at", "enb1")
        self.assertIsNone(waiting.poll())
        self.tool("enb1", "handover", "start", "--ue", imsi, "--to", "enb2", "--wait")
        self.assertEqual(waiting.wait(20), 0)
        self.tool("ue", "detach", "--ue", imsi)
        self.tool("wait", "ue", imsi, "detached")
        self.tool("wait", "ue", imsi, "nowhere", code=2)

    def test_forms_of_output(self):
        lab = self.start(enbs=2, ues=3)
        lab.attach_all()
        whole = json.loads(self.tool("ue", "ue", "list", "-o", "json"))
        lines = [json.loads(line) for line in self.tool("-o", "ndjson", "ue", "ue", "list").splitlines()]
        rows = list(csv.DictReader(io.StringIO(self.tool("ue", "ue", "list", "-o", "csv"))))
        self.assertEqual([u["ue"] for u in whole["items"]], lab.imsis)
        self.assertEqual(lines, whole["items"])
        self.assertEqual([r["ue"] for r in rows], lab.imsis)
        table = self.tool("ue", "ue", "list").splitlines()
        self.assertEqual([line.split()[0] for line in table[1:]], lab.imsis)
        starts = {line.index(line.split()[1]) for line in table}
        self.assertEqual(len(starts), 1, "columns stand under each other")

    def test_completion_knows_what_is_there(self):
        lab = self.start(enbs=2, ues=2)
        lab.attach_all()

        def complete(*words):
            return {line.split("\t")[0] for line in self.tool("complete", *words).splitlines()}

        self.assertLessEqual({"mme", "enb1", "enb2", "ue", "run", "wait"}, complete(""))
        self.assertLessEqual({"handover", "ue", "status"}, complete("enb1", ""))
        self.assertIn("start", complete("enb1", "handover", ""))
        self.assertLessEqual(set(lab.imsis), complete("enb1", "handover", "start", "--ue", ""))
        self.assertIn("--target", complete("enb1", "handover", "start", "--"))
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("keyhop complete", self.tool("completion", shell))
        script = self.tool("completion", "bash")
        self.assertEqual(subprocess.run(["bash", "-n"], input=script, text=True).returncode, 0)
        self.tool("completion", "tcsh", code=2)

    def test_schema_is_whole(self):
        self.start(enbs=2)
        for node in ("mme", "enb1", "ue"):
            schema = json.loads(self.tool("schema", node))
            live = json.loads(self.tool(node, "-o", "json", "schema", "list"))
            self.assertEqual(schema, live)
            for kind in ("methods", "events", "causes", "options", "metrics"):
                self.assertTrue(schema[kind], f"{node}: {kind}")
            for method in schema["methods"]:
                self.assertTrue(method["help"], method)
                self.assertTrue(all(p["help"] and p["type"] for p in method["params"]), method)
            self.assertTrue(all(e["topic"] and e["help"] for e in schema["events"]))

    def test_scenarios_of_the_library(self):
        lab = self.start(enbs=3, ues=5, extra=dict.fromkeys(["mme", "*enb", "ue"], "lab: {faults: true}\n"))
        for file in sorted((ROOT / "conf" / "scenarios").glob("*.yaml")):
            self.assertTrue(file.read_text().startswith("#"), f"{file.name} says what it shows")
            for ue in json.loads(self.tool("mme", "-o", "json", "ue", "list"))["items"]:
                self.tool("ue", "detach", "--ue", ue["ue"])
                self.tool("wait", "ue", ue["ue"], "detached")
            out = lab.path / file.stem
            printed = self.tool("run", str(file), "--out", str(out), "--junit", str(out) + ".xml", "--seed", "3")
            self.assertRegex(printed, r"(?m)^OK ")
            summary = json.loads((out / "summary.json").read_text())
            self.assertIsNone(summary["failure"])
            suite = xml.etree.ElementTree.parse(str(out) + ".xml").getroot()
            self.assertEqual(suite.get("failures"), "0")
            self.assertEqual(int(suite.get("tests")), len(summary["steps"]))
            self.assertTrue((out / "events.ndjson").read_text())

    def test_a_scenario_that_fails_says_so(self):
        lab = self.start(enbs=2)
        file = lab.path / "wrong.yaml"
        file.write_text("steps:\n  - {do: attach, cell: enb1}\n"
                        "  - {do: expect, topic: handover.completed, cause: \"<none>\", timeout: 50ms}\n")
        said = self.tool("run", str(file), "--junit", str(lab.path / "j.xml"), code=1)
        self.assertIn("no handover.completed", said)
        suite = xml.etree.ElementTree.parse(str(lab.path / "j.xml")).getroot()
        self.assertIn("<none>", suite.find("testcase/failure").get("message"))
        file.write_text("steps:\n  - {do: atach, cell: enb1}\n")
        self.assertRegex(self.tool("run", str(file), code=2), r"wrong.yaml:2:\d+.*attach")


if __name__ == "__main__":
    unittest.main()
