"""The tool as people use it: the transcripts of the README, exit codes, waiting, completion, forms of output."""

import csv
import doctest
import io
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from labtest import ROOT, LabTest
import keyhop

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


class Inside:
    """Another working directory for a while."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.before = os.getcwd()
        os.chdir(self.folder)

    def __exit__(self, *_):
        os.chdir(self.before)


class Readme(unittest.TestCase):
    def tree(self):
        """A folder with what the README's commands name."""
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        path = Path(folder.name)
        (path / "scripts").mkdir()
        demo = path / "scripts" / "demo"
        demo.write_text(f'#!/bin/sh\nexec python3 {ROOT}/scripts/demo.py "$@"\n')
        demo.chmod(0o755)
        (path / "conf").symlink_to(ROOT / "conf")
        (path / "build").symlink_to(BUILD)
        return path

    def test_what_the_demo_says_can_be_typed(self):
        path = self.tree()
        shell = Shell(path)
        self.addCleanup(shell.close)
        said, _ = shell.run("scripts/demo --stay --moves 0 --enbs 2 --out \"it's a/new run\"")
        end = re.search(r"(?m)^end it with: (.*)$", said)[1]
        self.addCleanup(shell.run, end)
        for command in re.findall(r"(?m)^  (export .*|keyhop .*)$", said):
            _, code = shell.run(command)
            self.assertEqual(code, 0, command)
        self.assertEqual(shell.run(end)[0].strip(), "4 daemons ended")

    def test_transcripts(self):
        path = self.tree()
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
                self.assertEqual(int(re.search(r"^OK +(\d+) hand", printed, re.M)[1]), 1000)


class Module(LabTest):
    """scripts/keyhop.py as its documentation says."""

    def test_the_example(self):
        lab = self.lab(enbs=2)
        with mock.patch.dict(os.environ, KEYHOP_RUN=str(lab.path)):
            result = doctest.testmod(keyhop)
        self.assertGreater(result.attempted, 2)
        self.assertEqual(result.failed, 0)

    def test_nodes_by_name(self):
        lab = self.lab(enbs=2)
        self.assertEqual(set(keyhop.sockets(lab.path)), set(lab.names()))
        with mock.patch.dict(os.environ):
            os.environ.pop("KEYHOP_RUN", None)
            with Inside(lab.path), keyhop.connect("enb2") as node:
                self.assertEqual((node.hello["node"], node.call("status")["enb"]), ("enb2", 2))
        with self.assertRaisesRegex(FileNotFoundError, "'enb9'; there are: enb1 enb2 mme ue"):
            keyhop.connect("enb9", lab.path)
        (lab.path / "other").mkdir()
        (lab.path / "other" / "ctl.sock").symlink_to(lab.socket_path("mme"))
        self.assertIn("other", keyhop.sockets(lab.path))
        with keyhop.connect("mme", lab.path) as node:
            self.named("ENB_NOT_FOUND", node.call, "enb.show", enb="enb7")
            with self.assertRaises(TimeoutError):
                node.wait_event("enb.down", timeout=0.01)
            node.subscribe(topics=["enb."])
            lab.stop_node("enb1")
            lab.stop_node("enb2")
            self.assertEqual(node.wait_event("enb.down", enb=2)["enb"], 2)
            self.assertFalse([e for e in node.events if e["enb"] == 1], "those before it are dropped")
            lab.stop_node("mme")
            with self.assertRaises(ConnectionError):
                node.call("status")


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

    def pretend(self, role, methods, then=None):
        """A node `mme` of ours that answers by `methods`, and after the last of them says `then`."""
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        self.run_dir = Path(folder.name)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.run_dir / "mme.sock"))
        listening.listen()
        methods = {"status": lambda _: {"role": role}} | methods

        def serve():
            while True:
                try:
                    node = listening.accept()[0]
                except OSError:
                    return
                with node, node.makefile() as lines:
                    said = [{"jsonrpc": "2.0", "method": "hello", "params": {"role": role, "node": "mme"}}]
                    node.sendall("".join(f"{json.dumps(m)}\n" for m in said).encode())
                    for call in map(json.loads, lines):
                        said = [{"jsonrpc": "2.0", "id": call["id"], "result": methods[call["method"]](call["params"])}]
                        said += [then] if then and call["method"] == list(methods)[-1] else []
                        node.sendall("".join(f"{json.dumps(m)}\n" for m in said).encode())

        node = threading.Thread(target=serve)
        node.start()

        def stop():
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            node.join(20)

        self.addCleanup(stop)

    def test_exit_codes(self):
        lab = self.start(enbs=2)
        imsi = lab.imsis[0]
        self.tool("mme", "status")
        self.assertIn("BAD_STATE", self.tool("ue", "traffic", "ping", imsi, code=1))
        self.assertIn("usage", self.tool(code=2))
        self.assertIn("is a node", self.tool("enb1", code=2))
        self.assertIn("has no", self.tool("mme", "no", "such", code=2))
        self.assertIn("--nonsense", self.tool("mme", "status", "--nonsense", "1", code=2))
        self.assertIn("no socket", self.tool("enb7", "status", code=3))
        self.assertIn("no such option", self.tool("schema", "--all", code=2))
        self.assertIn("UE_NOT_FOUND", self.tool("enb1", "ue", "show", "001019999999999", code=4))
        self.tool("wait", "ue", imsi, "attached", "--timeout", "0.05", code=5)
        self.assertIn("FAULTS_OFF", self.tool("enb1", "fault", "set", "--fault", "drop", "--message", "7", code=6))

    def test_a_file_of_subscribers_goes_in_pieces(self):
        lab = self.start(enbs=2)
        k = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        with Inside(folder.name):
            many = Path("many.csv")
            many.touch(0o600)
            lines = [f"00101{n:010},{k},{k}\n" for n in range(50000, 53000)]
            many.write_text("".join(lines))
            done = json.loads(self.tool("-o", "json", "mme", "subscriber", "import", "many.csv"))
            self.assertEqual(done, {"outcome": "completed", "added": 3000, "replaced": 0, "refused": 0})
            self.assertIn("many.csv:1:1: exists already", self.tool("mme", "subscriber", "import", "many.csv", code=1))
            done = json.loads(self.tool("-o", "json", "all", "subscriber", "import", "many.csv", "--replace"))["items"]
            self.assertEqual(done, [{"node": "mme", "outcome": "completed", "added": 0, "replaced": 3000, "refused": 0}])
            # A wrong line takes its piece with it, and nothing else.
            more = [line.replace("00101", "00102") for line in lines]
            more[1500] = f"001020000099999,{k}?,{k}\n"
            more.insert(2000, "x" * 9000 + "\n")
            many.write_text("".join(more))
            env = os.environ | {"KEYHOP_RUN": str(self.run_dir)}
            run = subprocess.run([str(KEYHOP), "-o", "json", "mme", "subscriber", "import", "many.csv"], capture_output=True,
                                 text=True, timeout=60, env=env)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("many.csv:1501:17: wrong k\n", run.stderr)
            self.assertIn("many.csv:2001:1: too long", run.stderr)
            self.assertNotIn(k, run.stdout + run.stderr)
            done = json.loads(run.stdout)
            self.assertEqual((done["outcome"], done["added"] + done["refused"], done["replaced"]), ("failed", 3001, 0))
            self.assertLess(1, done["refused"])
            self.assertLess(done["refused"], 200)
            self.assertEqual(lab.node("mme").call("status")["subscribers"], 1 + 3000 + done["added"])
            # Remarks are no subscribers.
            many.write_text("# a remark\n\n" + lines[0] + "  # another\n" + lines[1])
            run = subprocess.run([str(KEYHOP), "-o", "json", "mme", "subscriber", "import", "many.csv"], capture_output=True,
                                 text=True, timeout=60, env=env)
            self.assertEqual((run.returncode, json.loads(run.stdout)["refused"]), (1, 2))
            many.chmod(0o644)
            self.assertIn("others may read it", self.tool("mme", "subscriber", "import", "many.csv", code=2))
            self.assertIn("No such file", self.tool("mme", "subscriber", "import", "none.csv", code=2))

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
        self.tool("wait", "all", "ready", "--timeout", "5s")
        for wrong in ("5x", "-1", ""):
            self.tool("wait", "all", "ready", "--timeout", wrong, code=2)
        self.assertIn("no ued plays", self.tool("wait", "ue", "001019999999999", "attached", code=4))
        self.tool("ue", "attach", "--ue", imsi, "--cell", "enb1", "--wait")
        for state in (("detached",), ("at", "enb2"), ("at", "enb9")):
            self.assertIn("it is attached at enb1", self.tool("wait", "ue", imsi, *state, "--timeout", "20ms", code=5))
        self.tool("wait", "ue", imsi, "at", "1", "--timeout", "0")
        # Not there at the end of the time: never started, ended, or ended by force.
        self.assertIn("no socket", self.tool("wait", "enb9", "ready", "--timeout", "20ms", code=3))
        lab.stop_node("enb2")
        self.assertIn("not ready in time", self.tool("wait", "enb1", "ready", "--timeout", "20ms", code=5))
        self.assertIn("no socket", self.tool("wait", "enb2", "ready", "--timeout", "0", code=3))
        lab.stop_node("enb1", signal.SIGKILL)
        self.assertIn("nobody listens", self.tool("wait", "enb1", "ready", "--timeout", "20ms", code=3))
        self.tool("wait", "all", "ready", "--timeout", "20ms", code=3)
        pid = int((lab.path / "ue.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assertIn("ue does not answer", self.tool("wait", "ue", "ready", "--timeout", "20ms", code=5))
        finally:
            os.kill(pid, signal.SIGCONT)
        lab.stop_node("ue")
        self.assertIn("no ued answers", self.tool("wait", "ue", imsi, "attached", "--timeout", "20ms", code=3))

    def test_wait_for_a_node_that_is_not_there_yet(self):
        lab = self.start(enbs=2, start=False)
        lab.prepare()
        lab.start_node("mme")
        waiting = subprocess.Popen([str(KEYHOP), "wait", "all", "ready", "--timeout", "30s"],
                                   env=os.environ | {"KEYHOP_RUN": str(lab.path)})
        lab.node("mme")
        self.assertIsNone(waiting.poll(), "lab.json names nodes that are still to come")
        for name in lab.names()[1:]:
            lab.start_node(name)
        self.assertEqual(waiting.wait(30), 0)

    def test_watch(self):
        lab = self.start(enbs=2)
        imsi = lab.imsis[0]
        self.tool("ue", "attach", "--ue", imsi, "--cell", "enb1", "--wait")
        # What follows an attach by itself is awaited, so that nothing new takes the place of something said before.
        for name, topic in (("mme", "ue.attached"), ("ue", "hkey.received")):
            lab.node(name).subscribe(since=0, topics=[topic])
            lab.node(name).wait_event(lambda e: True)
        said = sum(lab.node(name).call("events.subscribe")["seq"] for name in lab.names())
        events = [json.loads(line) for line in
                  self.tool("watch", "--since", "0", "--count", str(said), "-o", "json").splitlines()]
        self.assertEqual(len(events), said)
        self.assertEqual({e["node"] for e in events}, set(lab.names()))
        lines = self.tool("enb1", "watch", "--since", "0", "--count", "2", "--topic", "tunnel.,enbkey.").splitlines()
        self.assertRegex(lines[0], r"^20\S+Z tunnel.up +node=enb1")
        self.assertIn("fp=", lines[1])
        said = self.tool("watch", "ue", "--since", "0", "--count", "1", "--ue", imsi, "--exec",
                         'echo "$KEYHOP_NODE $KEYHOP_UE $KEYHOP_TOPIC"; cat')
        head, event = said.splitlines()
        self.assertEqual(head, f"ue {imsi} {json.loads(event)['topic']}")
        failing = self.tool("watch", "mme", "--since", "0", "--count", "3", "--exec", "echo once; exit 3")
        self.assertEqual(failing, "once\n" * 3, "a command that fails ends nothing")
        self.tool("watch", "mme", "--since", "0", "--count", "2", "--exec", "exec no-such-command")
        for filters, wanted in ((("--topic", "ue."), lambda e: e["topic"].startswith("ue.")),
                                (("--topic", "ue.,enb."), lambda e: e["topic"].startswith(("ue.", "enb."))),
                                (("--ue", imsi), lambda e: e.get("ue") == imsi)):
            expected = [e for e in events if e["node"] == "mme" and wanted(e)]
            said = self.tool("watch", "mme", "--since", "0", "--count", str(len(expected)), "-o", "ndjson", *filters)
            self.assertEqual([json.loads(line) for line in said.splitlines()], expected, filters)
        self.assertIn("no common columns", self.tool("watch", "-o", "csv", code=2))
        for words in (("watch",), ("watch", "enb1"), ("enb1", "watch"), ("all", "watch"), ("-n", "enb1", "watch")):
            self.tool(*words, "--topic", "no.such", "--timeout", "50ms", code=5)
        self.assertIn('did you mean "enb1"', self.tool("watch", "enb9", code=3))
        self.tool("watch", "--tpoic", "a", code=2)
        self.tool("watch", "--ue", "12", code=2)

    def test_orders_to_a_terminal(self):
        """What a node says of its peers is text: no escape sequence comes out."""
        event = {"jsonrpc": "2.0", "method": "event",
                 "params": {"topic": "refused", "node": "mme", "detail": "\x1b[2Jgone\x07"}}
        self.pretend("mmed", {"events.subscribe": lambda params: {}}, then=event)
        said = self.tool("watch", "--count", "1")
        self.assertEqual(said.rstrip("\n")[-13:], "detail=?[2Jgone?"[-13:])
        self.assertFalse([c for c in said if c < " " and c != "\n"], repr(said))

    def test_a_slow_reader_is_told(self):
        lost = {"jsonrpc": "2.0", "method": "events.lost", "params": {"from": 5, "to": 99}}
        self.pretend("mmed", {"events.subscribe": lambda params: {}}, then=lost)
        self.assertIn("events 5 to 99 of mme are lost", self.tool("watch", "--timeout", "500ms", code=5))

    def test_what_a_list_looks_like(self):
        """Of a node that says what no real one does: all pages, quotes, nulls, what stands beside the items."""
        rows = [{"ue": f"{i:015}", "n": i, "text": text} for i, text in
                enumerate(['a,"b"', "c\nd", "e f", "", "ä" * 9, "g" * 300, None])]
        asked = []

        def listed(params):
            asked.append(params)
            at, size = params.get("offset", 0), params.get("limit", 3)
            return {"items": rows[at:at + size], "next": at + size if at + size < len(rows) else None, "held": 0}

        params = [{"name": n, "type": "int", "required": False, "help": "", "min": 0, "max": 9} for n in ("offset", "limit")]
        schema = {"methods": [{"name": "x.list", "help": "", "params": params}]}
        self.pretend("mmed", {"schema.list": lambda _: schema, "x.list": listed})
        whole = json.loads(self.tool("mme", "x", "list", "-o", "json"))
        self.assertEqual(whole, {"items": rows, "next": None, "held": 0})
        self.assertEqual(asked, [{}, {"offset": 3}, {"offset": 6}])
        self.assertEqual([json.loads(line) for line in self.tool("mme", "x", "list", "-o", "ndjson").splitlines()], rows)
        listed_csv = list(csv.reader(io.StringIO(self.tool("mme", "x", "list", "-o", "csv"), newline="")))
        self.assertEqual(listed_csv, [["ue", "n", "text"]] + [[r["ue"], str(r["n"]), r["text"] or ""] for r in rows])
        table = self.tool("mme", "x", "list")
        *lines, blank, beside = table.splitlines()
        self.assertEqual((blank, beside.split()), ("", ["held", "0"]))
        self.assertEqual({line.index(line.split()[2]) for line in lines}, {lines[0].index("TEXT")})
        self.assertEqual([line.split()[1] for line in lines], ["N", *map(str, range(7))], "zero is printed")
        self.assertEqual((lines[4].split()[2], lines[7].split()[2]), ("-", "-"), "no cell is empty")
        self.assertIn("g" * 300, table)
        everywhere = json.loads(self.tool("all", "x", "list", "-o", "json"))["items"]
        self.assertEqual(everywhere, [{"node": "mme", **r} for r in rows])
        asked.clear()
        self.assertEqual(len(self.tool("mme", "x", "list", "--limit", "2", "-o", "ndjson").splitlines()), 2)
        self.assertEqual(asked, [{"limit": 2}], "a page that was asked for is one page")

    def test_options_stand_anywhere(self):
        lab = self.start(enbs=2)
        imsi = lab.imsis[0]
        for words in (("-o", "json", "enb1", "version"), ("enb1", "-o", "json", "version"), ("enb1", "version", "-o", "json"),
                      ("enb1", "version", "-ojson"), ("enb1", "--output=json", "version"), ("version", "--node", "enb1", "-o", "json"),
                      ("version", f"--socket={lab.path}/enb1.sock", "--output", "json", "-t", "5s"), ("--", "enb1", "version")):
            said = self.tool(*words)
            self.assertIn("enbd", said, words)
            self.assertEqual(said.startswith("{"), "--" not in words, words)
        self.tool("wait", "--timeout=5s", "all", "ready")
        self.tool("wait", "--", "all", "ready")
        self.tool("ue", "attach", "--cell=enb1", "--wait", "--", imsi)
        self.assertIn("UE_NOT_FOUND", self.tool("ue", "traffic", "ping", "--", "--help", code=4))
        self.assertIn("sequenceDiagram", self.tool("seq", f"--ue={imsi}", str(lab.path), "--format=mermaid"))
        self.assertEqual(len(self.tool("enb1", "watch", "--count=1", "--since=0", "-o", "ndjson").splitlines()), 1)
        # Where a verb has a flag of that name, it is the verb's.
        self.tool("seq", str(lab.path), "-o", str(lab.path / "json"))
        self.assertTrue((lab.path / "json").read_text())
        for nearest, words in (("--output", ("--outptu", "json", "enb1", "version")), ("--output", ("enb1", "version", "--outptu", "x")),
                               ("--timeout", ("wait", "all", "ready", "--tiemout", "3")), ("--format", ("seq", "--fromat", "html")),
                               ("--junit", ("run", "x.yaml", "--juint", "f")), ("--keylog", ("decrypt", "--kelog", "f")),
                               ("--tls-keylog", ("merge", "--tls-kelog", "f")), ("--topic", ("watch", "--tpoic", "a")),
                               ('"run"', ("runn",)), ('"run"', ("runn", "x.yaml")), ('"wait"', ("help", "wiat"))):
            said = self.tool(*words, code=3 if words == ("runn", "x.yaml") else 2)
            self.assertRegex(said, f"did you mean (the verb )?{nearest}", words)
        for wants, words in (("value is missing", ("watch", "--topic")), ("takes no value", ("seq", "--all=1")),
                             ("table|json", ("-o", "xml", "enb1", "version")), ("DURATION", ("enb1", "version", "-t", "long")),
                             ("--output wants", ("enb1", "version", "-o")), ("unknown option -z", ("-z",)),
                             ("a word too many", ("run", "a", "b")),
                             ("nothing to wait for", ("wait", "ue", imsi, "at"))):
            self.assertIn(wants, self.tool(*words, code=2), words)
        for words in (("help",), ("-h",), ("--help",)):
            self.assertIn("exit code:", self.tool(*words))
        for words in (("help", "run"), ("run", "x.yaml", "--help"), ("run", "-h")):
            self.assertIn("steps of a scenario", self.tool(*words))
        self.assertIn("--moves", self.tool("demo", "--help"))
        self.assertIn("--target", self.tool("enb1", "handover", "start", "-h", imsi))

    def test_errors_that_teach(self):
        lab = self.start(enbs=2)
        imsi = lab.imsis[0]
        self.assertIn('did you mean "enb1"', self.tool("eenb1", "status", code=3))
        self.assertIn('did you mean "handover start"', self.tool("enb1", "handover", "strt", code=2))
        self.assertRegex(self.tool("enb1", "handover", "start", "--targt", "2", code=2), "did you mean --target.*--wait")
        self.assertIn("IMSI", self.tool("ue", "attach", "--ue", code=2))
        self.assertIn("an integer", self.tool("mme", "ue", "list", "--limit", "many", code=2))
        for words in (("--ue", imsi, "--cell", "enb1", "--wait"), ("--wait", imsi, "enb1"),
                      (f"--ue={imsi}", "--cell=enb1", "--wait=true")):
            self.tool("ue", "attach", *words)
            self.tool("ue", "detach", imsi, "--wait")
        self.tool("mme", "ue", "list", "--limit", "010")
        self.assertIn("handover wants a verb: start", self.tool("enb1", "handover", code=2))
        self.assertIn("NODE NOUN VERB", self.tool("handover", "start", code=3))
        self.tool("enb1", "policy", "set", "--time-to-trigger-ms", "7")
        self.assertEqual(lab.node("enb1").call("policy.get")["time_to_trigger_ms"], 7)
        self.assertIn("--target", self.tool("enb1", "handover", "start", "--help"))
        self.assertNotIn("ue.list", self.tool("enb1", "help", "handover"))
        self.assertEqual(set(json.loads(self.tool("schema"))), {"mmed", "enbd", "ued"})
        empty = lab.path / "empty"
        empty.mkdir()
        self.run_dir = empty
        with Inside(empty):
            self.assertIn("keyhop lab up", self.tool("run", str(ROOT / "conf/scenarios/chain.yaml"), code=3))
            self.assertIn("scripts/demo", self.tool("enb1", "status", code=3))

    def test_forms_of_output(self):
        lab = self.start(enbs=2, ues=3)
        lab.node("ue").subscribe(topics=["hkey.received"])
        lab.attach_all()
        for _ in lab.imsis:
            lab.node("ue").wait_event(lambda e: True)
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
        self.assertRegex(self.tool("mme", "metrics", "get"), r"(?m)^counters\.attaches +3$")

    def test_all_nodes_at_once(self):
        lab = self.start(enbs=2, ues=2)
        lab.attach_all()
        rows = json.loads(self.tool("all", "version", "-o", "json"))["items"]
        self.assertEqual({(r["node"], r["name"]) for r in rows},
                         {("mme", "mmed"), ("enb1", "enbd"), ("enb2", "enbd"), ("ue", "ued")})
        listed = list(csv.DictReader(io.StringIO(self.tool("all", "neighbour", "list", "-o", "csv"))))
        self.assertEqual({(r["node"], r["name"]) for r in listed}, {("enb1", "enb2"), ("enb2", "enb1")})
        self.tool("all", "log", "set", "--level", "debug")
        self.assertEqual(lab.node("ue").call("log.get")["ho"], "debug")
        self.assertIn("INVALID_PARAMS", self.tool("all", "log", "set", "--level", "loud", code=2))
        self.assertIn("no node has", self.tool("all", "no", "such", code=2))

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
        self.assertLessEqual({"enb1", "enb2"}, complete("enb1", "handover", "start", "--target", ""))
        self.assertNotIn("mme", complete("enb1", "handover", "start", "--target", ""))
        self.assertNotIn("--ue", complete("enb1", "handover", "start", "--ue", lab.imsis[0], ""))
        self.assertLessEqual(set(lab.imsis), complete("wait", "ue", ""))
        self.assertEqual(complete("wait", "ue", lab.imsis[0], ""), {"attached", "detached", "at"})
        self.assertEqual(complete("wait", "enb1", ""), {"ready"})
        self.assertIn("--exec", complete("watch", ""))
        self.assertIn("partition", complete("lab", ""))
        # The tool's own options anywhere, as the tool has them.
        for words in (("-o", "json", "enb1"), ("enb1", "-o", "json"), ("-n", "enb1"), ("--node=enb1",), ("-s", f"{lab.path}/enb1.sock")):
            self.assertLessEqual({"start", "list"}, complete(*words, "handover", ""), words)
        self.assertLessEqual({"--output", "--via", "--node"}, complete("--"))
        self.assertLessEqual({"--output", "--target"}, complete("enb1", "handover", "start", "-"))
        self.assertFalse({w for w in complete("") if w.startswith("-")})
        cells, ues = {"enb1", "enb2"}, set(lab.imsis)
        for words, offered in ((("-o", ""), {"table", "json", "ndjson", "csv"}), (("--via", ""), {"ssh:"}), (("-s", ""), {":file"}),
                               (("enb1", "handover", "start", "--target="), {f"--target={c}" for c in cells}),
                               (("enb1", "handover", "start", "--to", "=", "e"), cells), (("enb1", "handover", "start", "--to", "="), cells),
                               (("enb1", "fault", "set", "--direction", ""), {"tx", "rx"}),
                               (("enb1", "log", "set", "--category", ""), {"tunnel", "mme", "x2", "air", "nas", "key", "ho", "ctl", "cfg"}),
                               (("all", "log", "set", "--level", ""), {"error", "warn", "info", "debug", "trace"}),
                               (("seq", "--format", ""), {"text", "mermaid", "plantuml", "html"}),
                               (("seq", "-o", ""), {":file"}), (("decrypt", "--keylog", ""), {":file"}),
                               (("run", "x.yaml", "--junit", ""), {":file"}), (("lab", "up", "-t", ""), {":file"}),
                               (("lab", "up", "--backend", ""), {"loopback", "netns", "vm"}), (("watch", "--ue", ""), ues),
                               (("wait", "ue", lab.imsis[0], "at", ""), cells | {"--timeout"}),
                               (("schema", ""), set(lab.names())), (("completion", ""), {"bash", "zsh", "fish"})):
            self.assertEqual(complete(*words), offered, words)
        for words, offered in ((("ue", "traffic", "ping", ""), ues), (("enb1", "handover", "start", lab.imsis[0], ""), cells),
                               (("enb1", "fault", "set", "--fault", ""), {"drop", "stall"}),
                               (("enb1", "fault", "set", "--message", ""), {"x2.handover_request"}),
                               (("watch", "--topic", ""), {"handover.", "handover.completed", "refused"}),
                               (("mme", "watch", "--topic", ""), {"handover."}), (("watch", ""), set(lab.names())),
                               (("all", "ue", ""), {"list", "detach", "release"}), (("help", ""), {"run", "seq"}),
                               (("enb1", "help", ""), {"handover"}), (("enb1", "help", "handover", ""), {"start"}),
                               (("run", ""), {":file", "--junit"}), (("merge", ""), {":file"}), (("lab", "logs", ""), {"enb1"})):
            self.assertLessEqual(offered, complete(*words), words)
        self.assertEqual(complete("--bogus", ""), set())
        self.assertNotIn("watch", complete("enb1", "help", ""))
        # What a node is called must not become part of a shell's line.
        (lab.path / "$(id).sock").symlink_to(lab.path / "enb1.sock")
        self.assertNotIn("$(id)", complete("schema", ""))
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
            # A parameter that is called as an option of the tool could not be given.
            flags = json.loads(self.tool("--dump-schema"))["flags"]
            taken = {f["flag"].split("--")[1] for f in flags}
            self.assertFalse({p["name"] for m in schema["methods"] for p in m["params"]} & taken)


if __name__ == "__main__":
    unittest.main()
