"""The manual pages: clean mdoc, and everything the programs know stands in them."""

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

BUILD = Path(os.environ["KEYHOP_BUILD"])
PAGES = {p.name: p for p in sorted((BUILD / "conf" / "man").glob("*.[1578]"))}
DAEMONS = ("mmed", "enbd", "ued")


def schema(program):
    return json.loads(subprocess.run([str(BUILD / program), "--dump-schema"], capture_output=True, text=True,
                                     check=True).stdout)


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed (Debian: mandoc)")
class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schemas = [schema(f"{d}/{d}") for d in DAEMONS]
        cls.tool = schema("ctl/keyhop")
        cls.text = {}
        for name, path in PAGES.items():
            out = subprocess.run(["mandoc", "-Tutf8", "-O", "width=200", str(path)], capture_output=True, text=True, check=True)
            cls.text[name] = re.sub(".\b", "", out.stdout)

    def heads(self, page):
        """First words of the items of lists."""
        return set(re.findall(r"^ +(\S+)", self.text[page], re.M))

    def test_the_pages_are_there(self):
        self.assertEqual(set(PAGES), {"keyhop.1", "keyhop.yaml.5", "keyhop-control.7", "mmed.8", "enbd.8", "ued.8"})

    def test_mandoc_has_nothing_to_say(self):
        for name, path in PAGES.items():
            said = subprocess.run(["mandoc", "-Tlint", str(path)], capture_output=True, text=True).stdout
            # The pages name each other before they are installed.
            said = [line for line in said.splitlines() if "referenced manual not found" not in line]
            self.assertEqual(said, [], name)

    def test_methods_and_parameters(self):
        heads = self.heads("keyhop-control.7")
        for s in self.schemas:
            for method in s["methods"]:
                self.assertIn(method["name"], heads)
                self.assertLessEqual({p["name"] for p in method["params"]}, heads)
            for row in s["notifications"]:
                self.assertLessEqual({row["name"]} | {p["name"] for p in row["params"]}, heads)
        known = {m["name"] for s in self.schemas for m in s["methods"]}
        section = self.text["keyhop-control.7"].split("\nMETHODS\n")[1].split("\nEVENTS\n")[0]
        dotted = set(re.findall(r"^     ([a-z]+\.[a-z]+)$", section, re.M)) | set(re.findall(r"^     ([a-z]+\.[a-z]+)  ", section, re.M))
        self.assertEqual(dotted - known, set())
        self.assertGreater(len(dotted), 30)

    def test_events_causes_and_metrics(self):
        heads = self.heads("keyhop-control.7")
        for s in self.schemas:
            self.assertLessEqual({e["topic"] for e in s["events"]}, heads)
            self.assertLessEqual({c["cause"] for c in s["causes"]}, heads)
            self.assertLessEqual({m["name"] for m in s["metrics"]}, heads)

    def test_options(self):
        heads = self.heads("keyhop.yaml.5")
        known = {o["key"] for s in self.schemas for o in s["options"]}
        self.assertLessEqual(known, heads)

    def test_command_lines(self):
        for daemon in DAEMONS:
            usage = subprocess.run([str(BUILD / daemon / daemon), "--help"], capture_output=True, text=True).stdout
            for flag in re.findall(r"--[a-z-]+", usage):
                self.assertIn(flag, self.text[f"{daemon}.8"])
        page = self.text["keyhop.1"]
        heads = self.heads("keyhop.1")
        for f in self.tool["flags"]:
            self.assertIn(f["flag"].strip().split(", ")[-1], page)
        self.assertLessEqual({v["verb"] for v in self.tool["verbs"]}, heads)
        for v in self.tool["verbs"]:
            for example in v["examples"]:
                self.assertIn(example, page)
        self.assertLessEqual({o["key"] for o in self.tool["scenario"]}, heads)
        self.assertLessEqual({s["step"] for s in self.tool["steps"]}, heads)
        self.assertLessEqual({str(e["code"]) for e in self.tool["exit_codes"]}, heads)


if __name__ == "__main__":
    unittest.main()
