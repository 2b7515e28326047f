"""Sequence diagrams: of a run and of its captures the same; live; and the page in a real browser."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import unittest
from html.parser import HTMLParser

from labtest import ROOT
from wiretool import BUILD, TOOL, WireTest, dedup

def arrows(ladder):
    """(step, way) of each arrow of a ladder of text."""
    out = []
    for line in ladder.splitlines():
        found = re.search(r"([<]?)[-=~.]* ?(\d+) [A-Z a-z]", line)
        if found and "|" in line and "[" not in line:
            out.append((int(found[2]), "<" if "<" in line else ">"))
    return out


class Page(HTMLParser):
    """Rows of the page as [{step, classes, readers, text}], lanes, and whatever would be loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.lanes, self.loads, self.node, self.count = [], [], [], None, ""
        self.inside = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.inside.append((tag, a))
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action") or "url(" in (v or "")]
        if tag == "g" and "row" in a.get("class", ""):
            self.rows.append({"step": a["data-step"], "classes": a["class"].split(), "readers": a["data-readers"].split(),
                              "text": ""})
        if tag == "body":
            self.node = a.get("data-node")

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, a = self.inside[-1] if self.inside else ("", {})
        if tag == "button" and a.get("data-lane"):
            self.lanes.append(data)
        elif tag == "title" and any(t == "g" for t, _ in self.inside):
            self.rows[-1]["text"] = data
        elif a.get("id") == "count":
            self.count = data


class Seq(WireTest):
    def demo(self, *options):
        out = self.folder() / "run"
        done = subprocess.run([sys.executable, str(ROOT / "scripts/demo.py"), "--build", str(BUILD), "--out", str(out),
                               *options], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return out

    def test_run_and_capture_agree(self):
        run = self.demo()
        events = self.tool("seq", run)
        self.assertEqual((run / "ladder.txt").read_text(), events)
        steps = [2, 2, 2, 3, 4, 5] + [6, 7, 8, 9, 10, 11, 12, 13, 5] * 3
        self.assertEqual([s for s, _ in arrows(events)], steps)
        self.assertEqual(events.count(" MATCH"), 3)
        for label in ("3 neighbour list", "12 location update", "13 wrapped list"):
            self.assertIn(label, events, "no label of a step is cut")
        self.assertNotIn("MISMATCH", events)
        captured = self.tool("seq", run / "capture.pcapng")
        # A 5 is one arrow across the eNodeB for who has the keys, and two for who sees the packets.
        self.assertEqual(dedup([s for s, _ in arrows(captured)]), dedup(steps))
        self.assertEqual(dict.fromkeys(arrows(captured)), dict.fromkeys(arrows(events)))
        self.assertEqual(captured.count(" MATCH"), 3)
        self.assertEqual(sorted(re.findall(r"fp \w{8}", captured)), sorted(re.findall(r"fp \w{8}", events)))
        more = self.tool("seq", run / "capture.pcapng", "--all")
        self.assertIn("s1_setup_request", more)
        one = self.tool("seq", run / "enb1.pcapng", "--ue", "001010000000001")
        self.assertEqual(one.splitlines()[0].split(), ["mme", "enb1", "enb2", "enb3", "ue"])
        self.assertEqual([s for s, _ in arrows(one)],
                         [2, 3, 4, 5, 5, 6, 7, 8, 9, 11, 7, 8, 10, 11, 12, 13, 5, 5])
        self.assertEqual([s for s, _ in arrows(self.tool("seq", run / "enb1.events.ndjson"))][:4], [3, 7, 9, 8])

    def test_the_source_sends_12(self):
        run = self.demo("--location-update", "source", "--moves", "1")
        for what in (run, run / "capture.pcapng"):
            rows = self.tool("seq", what, "--format", "mermaid").splitlines()
            for row in ("L2->>L1: 11 HO complete (tunnel)", "L1->>L0: 12 location update (tunnel)",
                        "L0->>L1: 13 wrapped list (tunnel)", "L1->>L2: 13 wrapped list (tunnel)"):
                self.assertEqual(rows.count(row), 1, "\n".join(rows))

    def test_other_languages(self):
        run = self.demo("--moves", "1")
        mermaid = self.tool("seq", run, "--format", "mermaid").splitlines()
        self.assertEqual(mermaid[:3], ["sequenceDiagram", "participant L0 as mme", "participant L1 as enb1"])
        self.assertIn("L1->>L2: 7 HO request (tunnel)", mermaid)
        self.assertIn("L0-->>L4: 5 H_key (nas)", mermaid)
        self.assertIn("L4-)L1: 6 measurement (rrc)", mermaid)
        plantuml = self.tool("seq", run, "--format", "plantuml").splitlines()
        self.assertEqual((plantuml[0], plantuml[-1]), ("@startuml", "@enduml"))
        self.assertIn("L1 -[#blue]> L2: 7 HO request (tunnel)", plantuml)
        self.grammar(mermaid[1:], r"participant (L\d+) as \w+", r"(L\d+)(?:-->>|->>|--\)|-\))(L\d+): [^;#]+",
                     r"Note over (L\d+): [^;#]+")
        self.grammar(plantuml[1:-1], r'participant "\w+" as (L\d+)', r"(L\d+) -\[#\w+\]> (L\d+): .+", r"note over (L\d+): .+")
        self.tool("seq", run, "-o", run / "x.puml")
        self.assertEqual((run / "x.puml").read_text().splitlines(), plantuml)
        self.assertIn("usage: keyhop seq", self.tool("seq", "--format", "nothing", code=2))
        self.assertIn("no NODE.events.ndjson", self.tool("seq", self.folder(), code=1))

    def grammar(self, lines, participant, *others):
        """First all participants, then arrows and notes, of participants that there are."""
        known = [re.fullmatch(participant, line) for line in lines]
        lanes = {m[1] for m in known if m}
        self.assertEqual(len(lanes), 5)
        self.assertTrue(all(known[:5]))
        for line in lines[5:]:
            found = [m for m in (re.fullmatch(other, line) for other in others) if m]
            self.assertEqual(len(found), 1, line)
            self.assertLessEqual(set(found[0].groups()), lanes, line)

    def test_match_and_mismatch(self):
        """Another key for the same UE, generation and eNodeB is a mismatch; what is not known is none."""
        def ladder(*facts, code=0):
            folder = self.folder()
            rows = [{"topic": "kenb.derived", "node": node, "ts": f"2026-01-01T00:00:00.{i:06}Z", "step": step,
                     "ue": "001010000000001", "key": "kenb", "gen": gen, "enb": enb, "fp": fp}
                    for i, (node, step, gen, enb, fp) in enumerate(facts)]
            (folder / "x.events.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))
            done = subprocess.run([str(TOOL), "seq", str(folder)], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual("MISMATCH" in done.stderr, code == 7)
            return [line.split("fp ")[1].split()[1:] for line in done.stdout.splitlines() if "] 9a " in line]

        mme, target, ue = ("mme", "3b", 1, 2, "aaaa0001"), ("enb2", "7a", 1, 2, "aaaa0001"), ("ue", "9a", 1, 2, "aaaa0001")
        other = (*ue[:4], "bbbb0002")
        self.assertEqual(ladder(mme, target, ue), [["MATCH"]])
        self.assertEqual(ladder(mme, target, other, code=7), [["MISMATCH"]])
        self.assertEqual(ladder(mme, other, code=7), [["MISMATCH"]])
        self.assertEqual(ladder(target, other, code=7), [["MISMATCH"]])
        for known in ((), (mme,), (target,), (("mme", "3b", 2, 2, "cccc0003"),), (("mme", "3b", 1, 3, "cccc0003"),)):
            self.assertEqual(ladder(*known, ue), [[]], known)

    def test_pipes_that_close(self):
        """Who reads only the first lines hears nothing of what he did not read."""
        lab = self.wire_lab(captures=False)
        lab.start()
        for words in ("help", "schema", "all watch --since 0", f"seq {lab.path}", f"seq {lab.path} --follow", "mme help"):
            done = subprocess.run(["bash", "-c", f"{TOOL} {words} | head -n 1"], capture_output=True, text=True, timeout=60,
                                  env=os.environ | {"KEYHOP_RUN": str(lab.path)})
            self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (0, "", 1), words)

    def test_follow_leaves_the_terminal_as_it_was(self):
        lab = self.wire_lab(captures=False)
        lab.start()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        before = termios.tcgetattr(theirs)
        follow = subprocess.Popen([str(TOOL), "seq", str(lab.path), "--follow"], stdout=theirs, stderr=theirs, stdin=theirs,
                                  start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(follow.kill)
        said = b""
        while b"ue\r\n" not in said:
            said += os.read(ours, 4096)
        self.attach(lab)
        while b"5 h_key" not in said:
            said += os.read(ours, 4096)
        os.write(ours, b"\x03")
        self.assertEqual(follow.wait(30), 0)
        while select.select([ours], [], [], 0)[0]:
            said += os.read(ours, 4096)
        self.assertEqual(termios.tcgetattr(theirs), before)
        self.assertTrue(said.endswith(b"\n"), said[-80:])
        self.assertNotIn(b"\x1b", said)
        os.close(theirs)

    def test_orders_to_a_terminal(self):
        """What a peer or a file says is text: no escape sequence comes out."""
        path = self.folder() / "mme.events.ndjson"
        bad = "\u001b[2Jgone\u0007"
        path.write_text("".join(json.dumps({"topic": "refused", "node": node, "ts": "2026-01-01T00:00:00.000000Z",
                                            "cause": "busy", "detail": detail, "step": "7"}) + "\n"
                                for node, detail in (("enb1", bad), (bad, "x"))))
        text = self.tool("seq", str(path))
        self.assertIn("gone", text)
        self.assertFalse([c for c in text if c < " " and c != "\n"], repr(text))

    def follow(self, lab, *flags):
        """A live ladder, read by us."""
        process = subprocess.Popen([str(TOOL), "seq", str(lab.path), "--follow", *flags], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for end in (process.stderr.close, process.stdout.close, process.wait, process.kill):
            self.addCleanup(end)
        return process

    def test_follow(self):
        lab = self.wire_lab(captures=False)
        lab.start()
        follow = self.follow(lab)
        lines = [follow.stdout.readline()]  # it is there
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        while not any("5 h_key gen 2" in line for line in lines):
            line = follow.stdout.readline()
            self.assertTrue(line, follow.stderr.read() if follow.poll() is not None else lines)
            lines.append(line)
        self.assertEqual(lines[0].split(), ["mme", "enb1", "enb2", "enb3", "ue"])
        text = "".join(lines)
        self.assertEqual([s for s, _ in arrows(text)][-12:], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 5])
        self.assertIn("  MATCH", text)
        follow.send_signal(signal.SIGINT)
        self.assertEqual(follow.wait(30), 0)

    def test_every_message_of_a_file(self):
        """What traces tell and what captures have is the same, drawn once, though both ends tell it."""
        lab = self.wire_lab(extra="events_messages: true\n")
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        self.until_quiet(lab)
        told = self.tool("seq", lab.path, "--all")
        steps = [2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 5]
        self.assertEqual([s for s, _ in arrows(told)], steps)
        merged = lab.path / "all.pcapng"
        self.tool("merge", *(lab.path / f"{n}.pcapng" for n in lab.names()), "-o", merged)
        rows = self.tool("seq", lab.path, "--all", "--format", "mermaid").splitlines()
        captured = self.tool("seq", merged, "--all", "--format", "mermaid").splitlines()
        for name in ("s1_setup_request", "x2_setup_response", "initial_context_setup_request", "enb_key_ack",
                     "HO request", "location update"):
            mine = sorted(row for row in rows if name in row)
            self.assertEqual(mine, sorted(re.sub(r" / \w+", "", row) for row in captured if name in row))
            self.assertGreater(len(mine), 0, name)
        for row in ("L1->>L2: 7 HO request (tunnel)", "L0-->>L4: 5 H_key (nas)", "L4--)L1: rrc_connection_request (clear)",
                    "L4--)L0: attach_request (clear)", "L4-)L2: 10 HO confirm (rrc)"):
            self.assertIn(row, rows)
        self.assertEqual(rows.count("L1->>L2: 7 HO request (tunnel)"), 1)
        self.assertIn(" MATCH", told)
        # Of one node: what it sent and what came; of a file without messages: the steps.
        one = self.tool("seq", lab.path / "enb2.events.ndjson", "--all", "--format", "mermaid")
        for text in ("7 HO request (tunnel)", "8 HO response (tunnel)", "10 HO confirm (rrc)", "12 location update (tunnel)"):
            self.assertEqual(one.count(text), 1, one)
        self.assertEqual([s for s, _ in arrows(self.tool("seq", lab.path))], steps)
        plain = lab.path / "plain.ndjson"
        lines = (lab.path / "enb1.events.ndjson").read_text().splitlines(True)
        plain.write_text("".join(l for l in lines if '"msg.' not in l))
        self.assertEqual(self.tool("seq", plain), self.tool("seq", plain, "--all"))

    def test_follow_every_message(self):
        """Traces are begun where none runs, and end with it; one that runs stays as it is."""
        lab = self.wire_lab(captures=False)
        lab.start()
        own = lab.node("enb3").call("trace.start", interfaces=["X2"])
        follow = self.follow(lab, "--all")
        lines = [follow.stdout.readline()]  # it is there
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        # After the last message of the handover comes what carries it to the UE.
        while not any("13 wrapped list" in line for line in lines) or "h_key gen 2" not in lines[-1]:
            line = follow.stdout.readline()
            self.assertTrue(line, follow.stderr.read() if follow.poll() is not None else lines)
            lines.append(line)
        text = "".join(lines)
        self.assertEqual([s for s, _ in arrows(text)], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 5])
        for name in ("rrc_connection_setup", "attach_request", "downlink_nas", "handover_confirm_ack"):
            self.assertIn(name, text)
        self.assertIn("  MATCH", text)
        self.assertTrue(lab.node("enb1").call("trace.status")["running"])
        follow.send_signal(signal.SIGTERM)
        self.assertEqual(follow.wait(30), 0)
        self.assertEqual(follow.stderr.read(), "keyhop: enb3: a trace runs with a filter of its own\n")
        for name in lab.names():
            self.assertEqual(lab.node(name).call("trace.status")["running"], name == "enb3")
        self.assertEqual(lab.node("enb3").call("trace.status")["interfaces"], own["interfaces"])
        lab.node("enb3").call("trace.stop")
        # Nobody reads any more: the same end.
        follow = self.follow(lab, "--all")
        follow.stdout.readline()
        follow.stdout.close()
        while follow.poll() is None and not follow.returncode:
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        for name in lab.names():
            self.assertFalse(lab.node(name).call("trace.status")["running"], name)

    # The page.
    def browser(self):
        for name in ("chromium", "chromium-browser", "google-chrome"):
            if shutil.which(name):
                return name
        return self.skip("no chromium (Debian: chromium)")

    def chromium(self, *words):
        profile = self.folder()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}"]
        done = subprocess.run([self.browser(), *options, *words], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def page(self, path, node=""):
        return Page(self.chromium("--dump-dom", f"{path.as_uri()}#node={node}"))

    def test_page(self):
        self.browser()
        run = self.demo("--moves", "2")
        path = run / "ladder.html"
        page = self.page(path)
        self.assertEqual(page.lanes, ["mme", "enb1", "enb2", "enb3", "ue"])
        self.assertEqual(page.loads, [])
        self.assertIn("default-src 'none'", path.read_text())
        self.assertLessEqual({str(n) for n in range(1, 14)} | {"3a", "3b", "3c", "6a", "7a", "8a", "9a", "9b"},
                             {r["step"] for r in page.rows})
        colour = {r["step"]: r["classes"][2] for r in page.rows if "msg" in r["classes"]}
        self.assertEqual(colour, dict.fromkeys("2 3 4 7 8 11 12 13".split(), "tunnel") | {"5": "nas"}
                         | dict.fromkeys(["6", "9", "10"], "rrc"))
        for row in page.rows:
            if "k_" in row["text"] or "kenb" in row["text"]:
                self.assertRegex(row["text"], r"fingerprint: \w+ [0-9a-f]{8}\n")
        self.assertFalse(any("closed" in r["classes"] for r in page.rows))
        # enb1 sends 7 and 9 and hears 8 and 11; it has no key for 5, 10, 12 and 13, nor for what enb2 does next.
        page = self.page(path, "enb1")
        self.assertEqual(page.node, "enb1")
        open_steps = [r["step"] for r in page.rows if "msg" in r["classes"] and "closed" not in r["classes"]]
        self.assertEqual(open_steps, "2 3 4 6 7 8 9 11".split())
        self.assertRegex(page.count, rf"^enb1 can read \d+ of {len(page.rows)}$")
        open_steps = {n: [r["step"] for r in self.page(path, n).rows
                          if "msg" in r["classes"] and "closed" not in r["classes"]] for n in ("mme", "ue")}
        self.assertEqual(open_steps["mme"], "2 2 2 3 4 5 12 13 5 12 13 5".split())
        self.assertEqual(open_steps["ue"], "5 6 9 10 5 6 9 10 5".split())
        # A click does what the address does.
        clicked = path.with_name("click.html")
        clicked.write_text(path.read_text().replace("</body>", "<script>buttons[2].click()</script></body>"))
        self.assertEqual(self.page(clicked).node, "enb1")
        picture = run / "ladder.png"
        self.chromium("--window-size=980,1100", f"--screenshot={picture}", path.as_uri())
        self.assertGreater(picture.stat().st_size, 30000)


if __name__ == "__main__":
    unittest.main()
