"""Configurations out of several files and the command line: where errors point, and what a reload finds changed."""

import socket
import subprocess
import unittest

from labtest import KeyhopError, LabTest


class Files(LabTest):
    def prepared(self, **options):
        lab = self.lab(enbs=3, start=False, **options)
        lab.prepare()
        return lab

    def run_daemon(self, lab, name, *words, code=0):
        """What the daemon says; `words` may name files of the lab's folder."""
        done = subprocess.run([str(lab.binary(name)), *words], capture_output=True, text=True, timeout=60,
                              cwd=lab.path)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_later_files_override(self):
        lab = self.prepared()
        (lab.path / "more").mkdir()
        (lab.path / "more" / "lab.yaml").write_text(
            "log: {level: debug, file: more.log}\nx2:\n  neighbours: [{id: 9, address: 127.0.0.9}]\n")
        out = self.run_daemon(lab, "enb1", "-c", "enb1.yaml", "-c", "more/lab.yaml", "--dump-config", "-o",
                              "x2.neighbours.0.port=7")
        rows = {line.split()[0]: line for line in out.splitlines()}
        self.assertRegex(rows["log.level"], r"debug +# more/lab.yaml:1$")
        self.assertRegex(rows["log.file"], r"more/more.log +# more/lab.yaml:1$")
        self.assertRegex(rows["node.id"], r"1 +# enb1.yaml:\d+$")
        self.assertRegex(rows["tls.ca"], r" ca.pem +# enb1.yaml:\d+$")
        self.assertRegex(rows["x2.neighbours"], r"\[1\] +# more/lab.yaml:3$")
        self.assertRegex(rows["x2.neighbours.0.id"], r"9 +# more/lab.yaml:3$")
        self.assertRegex(rows["x2.neighbours.0.port"], r"7 +# -o x2.neighbours.0.port$")
        self.assertRegex(rows["x2.neighbours.0.name"], r"# default$")
        self.assertNotIn("x2.neighbours.1.id", rows)
        out = self.run_daemon(lab, "enb1", "-c", "enb1.yaml", "--dump-config", "-o",
                              "x2.neighbours=[{id: 8, address: 127.0.0.8, name: far}]")
        self.assertRegex(out, r"\nx2.neighbours.0.name +far +# -o x2.neighbours:1:?\n")

    def test_a_pipe_is_read_once(self):
        lab = self.prepared()
        files = {"subscribers": "subscribers.csv", "tls.ca": "ca.pem", "tls.cert": "mme.pem", "tls.key": "mme.key", "tls.crl": "crl.pem"}
        words = [w for key, name in files.items() for w in ("-o", f"{key}={name}")]

        def run(text):
            return subprocess.run([str(lab.binary("mme")), "-c", "/dev/stdin", "--dump-config", *words], input=text, capture_output=True,
                                  text=True, timeout=60, cwd=lab.path)
        text = (lab.path / "mme.yaml").read_text()
        self.assertRegex(run(text).stdout, r"node.name +mme +# /dev/stdin:\d+\n")
        self.assertIn("mmed: /dev/stdin:1:", run("metrics: {listen: nowhere}\n" + text).stderr)

    def test_errors_after_parsing_say_where(self):
        lab = self.prepared()
        first = ["-c", "enb1.yaml", "--check", "-c", "wrong.yaml"]
        for text, at, said in (
                ("x2:\n  neighbours:\n    - {id: 2, address: 127.0.0.2}\n    - {id: 2, address: 127.0.0.3}\n", "4:12", "the same as x2.neighbours.0"),
                ("x2:\n  neighbours: [{id: 2, name: a, address: 127.0.0.2}, {id: 3, name: a, address: 127.0.0.3}]\n", "2:68", "the same as"),
                ("x2:\n  neighbours: [{id: 1, address: 127.0.0.2}]\n", "2:21", "this eNodeB itself"),
                ("x2:\n  neighbours: [{id: 2, address: 127.0.0.2}, {id: 3, address: nowhere}]\n", "2:62", "is not an address"),
                ("node: {name: 'a b'}\n", "1:14", "is not a node name"),
                ("mme: {address: nowhere}\n", "1:16", "is not an address"),
                ("tls:\n  key: enb2.key\n", "2:8", "enb2.key"),
                ("tls: {crl: none.pem}\n", "1:12", "revocation list")):
            (lab.path / "wrong.yaml").write_text(text)
            said_all = self.run_daemon(lab, "enb1", *first, code=2)
            self.assertIn(f"enbd: wrong.yaml:{at}: ", said_all)
            self.assertIn(said, said_all)
        said = self.run_daemon(lab, "enb1", "-c", "enb1.yaml", "--check", "-o", "mme.address=nowhere", code=2)
        self.assertIn("enbd: -o mme.address: mme.address: ", said)
        (lab.path / "wrong.yaml").write_text("wrap: aes-block\nh_key_bits: 256\n")
        self.assertIn("mmed: wrong.yaml:1:7: wrap: ", self.run_daemon(lab, "mme", "-c", "mme.yaml", "-c", "wrong.yaml", "--check", code=2))
        (lab.path / "wrong.yaml").write_text(
            "cells: [{id: 1, address: 127.0.0.1}, {id: 2, address: 127.0.0.2}, {id: 1, address: 127.0.0.3}]\n")
        self.assertIn("ued: wrong.yaml:1:72: cells.2.id: ", self.run_daemon(lab, "ue", "-c", "ue.yaml", "-c", "wrong.yaml", "--check", code=2))

    def test_a_port_in_use_says_where(self):
        lab = self.prepared(transport="tcp")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for name, text, at in (
                    ("mme", f"s1: {{listen: 127.0.0.1, port: {port}}}\n", "1:14: s1.listen"),
                    ("mme", f"s1:\n  listeners:\n    - {{listen: 127.0.0.1, port: {port}}}\n", "3:16: s1.listeners.0.listen"),
                    ("enb1", f"uu: {{listen: 127.0.0.1, port: {port}}}\n", "1:14: uu.listen"),
                    ("enb1", f"x2: {{listen: 127.0.0.1, port: {port}}}\n", "1:14: x2.listen"),
                    ("ue", f"metrics: {{listen: 127.0.0.1, port: {port}}}\n", "1:19: metrics.listen"),
                    ("ue", "control: {socket: ca.pem}\n", "1:19: control.socket")):
                (lab.path / "more.yaml").write_text(text)
                said = self.run_daemon(lab, name, "-c", f"{name}.yaml", "-c", "more.yaml", code=2)
                self.assertIn(f": more.yaml:{at}: ", said)

    def test_a_node_of_two_files(self):
        lab = self.lab(enbs=2, start=False)
        lab.prepare()
        # In a folder of its own, which the sandbox leaves within reach.
        more = lab.path / "site" / "more.yaml"
        more.parent.mkdir()
        more.write_text("a3: {offset: 5}\n")
        lab.words["enb1"] = ["-c", str(more)]
        enb = lab.start().node("enb1")
        self.assertEqual(enb.call("config.get")["a3.offset"], "5")
        fresh = more.with_suffix(".new")
        fresh.write_text("a3: {offset: 6}\n")
        fresh.rename(more)
        self.assertEqual(enb.call("config.reload")["applied"], ["a3.offset"])
        more.write_text("a3: {offset: 7, nonsense: 1}\n")
        with self.assertRaises(KeyhopError) as caught:
            enb.call("config.reload")
        self.assertIn("more.yaml:1:17: ", str(caught.exception))
        self.assertEqual(enb.call("config.get")["a3.offset"], "6")


class Reload(LabTest):
    def test_what_changed_is_named_in_answer_event_and_log(self):
        lab = self.lab(enbs=3)
        enb, file = lab.node("enb1"), lab.path / "enb1.yaml"
        text = file.read_text()
        neighbours = enb.call("config.get")["x2.neighbours"]
        self.assertEqual([(n["id"], n["address"], n["port"]) for n in neighbours],
                         [(n[3:], lab.address(n), "36522") for n in ("enb2", "enb3")])
        enb.subscribe(topics=["config.", "refused"])
        moved = text.replace(lab.address("enb3"), "127.0.0.77")
        self.assertNotEqual(text, moved)
        file.write_text(moved.replace("level: info", "level: info, categories: {ho: debug}") + "a3: {offset: 4}\n")
        answer = enb.call("config.reload")
        self.assertEqual(answer["needs_restart"], ["x2.neighbours"])
        self.assertEqual(sorted(answer["applied"]), ["a3.offset", "log.categories.ho"])
        self.assertEqual(enb.call("log.get")["ho"], "debug")
        said = "applied=2 needs_restart=1 log.categories.ho, a3.offset; x2.neighbours"
        self.assertEqual(enb.wait_event(lambda e: e["topic"] == "config.reloaded")["detail"], said)
        self.assertIn(f"configuration read again: {said}\n", (lab.path / "enb1.log").read_text())
        # What is wrong anywhere changes nothing anywhere.
        before = enb.call("config.get")
        twice = text.replace("id: 3,", "id: 2,")
        self.assertNotEqual(text, twice)
        for wrong in (text + "a3: {offset: 5}\nnonsense: 1\n", text + "a3: {offset: 5}\nlimits: {ues: many}\n", text + "a3: {offset: 5\n",
                      twice + "a3: {offset: 5}\n", text.replace("mcc: 001", "mcc: 1") + "a3: {offset: 5}\n",
                      text + "a3: {offset: 5}\nmetrics: {listen: nowhere}\n"):
            file.write_text(wrong)
            with self.assertRaises(KeyhopError) as caught:
                enb.call("config.reload")
            self.assertEqual(caught.exception.name, "CONFIG")
            self.assertRegex(str(caught.exception), r"enb1.yaml:\d+:\d+: ")
            self.named("CONFIG", enb.call, "config.check")
            self.assertIn("reload: ", enb.wait_event(lambda e: e["topic"] == "refused")["detail"])
            self.assertEqual(enb.call("config.get"), before, wrong)


if __name__ == "__main__":
    unittest.main()
