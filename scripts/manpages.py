"""Makes a manual page out of its text and the tables of the daemons and of the tool.

    manpages.py PAGE.in OUT mmed enbd ued keyhop        (the last four are the programs)
"""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path


def escape(text):
    """Text inside a line of mdoc."""
    return text.replace("\\", "\\e")


def word(text):
    """An argument of a macro: one word, never a macro itself."""
    out = []
    for part in escape(text).split():
        if re.fullmatch(r"[A-Z%][A-Za-z0-9]{1,2}|[.,:;()\[\]?!|]", part):
            part = "\\&" + part
        out.append(part + "\\&" if part[-1] in ".,:;)]?!" else part)
    return " ".join(out).replace('"', "\\(dq")


def body(text):
    """A paragraph: one sentence a line, none that looks like a macro."""
    text = escape(text.strip())
    if text and text[-1] not in ".?!":
        text += "."
    lines = re.split(r"(?<=[.?!]) +(?=[A-Z])", text)
    return ["\\&" + line if line[0] in ".'" else line for line in map(capital, lines) if line]


def capital(sentence):
    """eNodeB stays eNodeB."""
    return sentence[:1].upper() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence


def item(head, text):
    return [f".It {head}", *body(text)]


class Tables:
    def __init__(self, programs):
        def ask(program):
            return json.loads(subprocess.run([program, "--dump-schema"], capture_output=True, text=True, check=True).stdout)

        *daemons, tool = programs
        self.daemons = {Path(p).name: ask(p) for p in daemons}
        self.tool = ask(tool)

    def merged(self, kind, key):
        """[(row, names of the daemons that have it)]"""
        rows = {}
        for name, schema in self.daemons.items():
            for row in schema[kind]:
                rows.setdefault(row[key], (row, []))[1].append(name)
        return list(rows.values())

    # One function for each @line of a page.
    def flags(self):
        for f in self.tool["flags"]:
            *short, long = f["flag"].strip().split(", ")
            value = f" Ar {word(f['value'])}" if f["value"] else ""
            yield from item("".join(f"Fl {s[1:]} , " for s in short) + f"Fl \\-{long[2:]}{value}", f["help"])

    def verbs(self):
        yield ".Bl -tag -width Ds"
        for v in self.tool["verbs"]:
            yield from item(f"Ic {v['verb']} Ar {word(v['usage'])}", v["help"])
            yield from (".Bd -literal", *map(escape, v["examples"]), ".Ed")
        yield ".El"

    def scenario(self):
        yield from self.rows(self.tool["scenario"])

    def topology(self):
        yield from self.rows(self.tool["topology"])

    def lab(self):
        for a in self.tool["lab"]:
            usage = f" Ar {word(a['usage'])}".replace("--", "\\-\\-") if a["usage"] else ""
            yield from item(f"Ic {a['action']}{usage}", a["help"])

    def steps(self):
        for s in self.tool["steps"]:
            yield from item(f"Ic {s['step']}", s["help"])

    def exit_codes(self):
        for e in self.tool["exit_codes"]:
            yield from item(str(e["code"]), e["help"])

    def methods(self):
        for names in self.groups("methods", "name"):
            yield f".Ss Methods of {names}"
            yield ".Bl -tag -width Ds"
            for row, whose in self.merged("methods", "name"):
                if self.title(whose) == names:
                    yield from self.method(row)
            yield ".El"

    def method(self, row):
        yield from item(f"Ic {row['name']}", row["help"] + (" (reads only)" if row["reads_only"] else ""))
        yield from self.params(row["params"], "required")

    @staticmethod
    def params(rows, required):
        if not rows:
            return
        yield ".Bl -tag -width Ds"
        for p in rows:
            limits = f", {p['min']} to {p['max']}" if p["max"] else ""
            yield f".It Ar {word(p['name'])}"
            yield from body(f"({p['type']}{limits}{', ' + required if p['required'] else ''}) {p['help']}")
        yield ".El"

    def notifications(self):
        for row in next(iter(self.daemons.values()))["notifications"]:
            yield from item(f"Ic {row['name']}", row["help"])
            yield from self.params(row["params"], "always")

    def events(self):
        for row in next(iter(self.daemons.values()))["events"]:
            step = f"step {row['step']}, " if row["step"] else ""
            yield from item(f"Ic {row['topic']}", f"({step}{', '.join(row['daemons'].split())}) {row['help']}")

    def causes(self):
        for row in next(iter(self.daemons.values()))["causes"]:
            yield from item(f"Er {row['cause']} Pq {row['code']}", row["text"])

    def metrics(self):
        for row, whose in self.merged("metrics", "name"):
            labels = f" Brq {word(row['labels'])}" if row["labels"] else ""
            yield from item(f"Va {row['name']}{labels}", f"({row['type']}, {', '.join(whose)}) {row['help']}")

    def options(self, of):
        for row, whose in self.merged("options", "key"):
            common = len(whose) == len(self.daemons)
            if of == "common" and common or not common and of in whose:
                yield from self.rows([row])

    @staticmethod
    def rows(rows):
        for r in rows:
            facts = [r["type"]]
            if r["required"]:
                facts.append("required")
            if r["default"]:
                facts.append(f"default {r['default']}")
            if r["reloadable"]:
                facts.append("reloadable")
            yield f".It Ic {word(r['key'])}"
            yield from body(f"({', '.join(facts)}) {r['help']}")

    def title(self, whose):
        return "all daemons" if len(whose) == len(self.daemons) else " and ".join(whose)

    def groups(self, kind, key):
        return dict.fromkeys(self.title(whose) for _, whose in self.merged(kind, key))


def expand(path, tables):
    for line in path.read_text().splitlines():
        if line.startswith("@include "):
            yield from expand(path.parent / line.split()[1], tables)
        elif line.startswith("@"):
            name, *arguments = line[1:].split()
            yield from getattr(tables, name)(*arguments)
        else:
            yield line


def wrapped(lines):
    """Long lines of text folded; displays and macros as they are."""
    display = False
    for line in lines:
        display = line.startswith(".Bd") or display and not line.startswith(".Ed")
        if display or line.startswith(".") or len(line) <= 78:
            yield line
        else:
            yield from ("\\&" + s if s[0] in ".'" else s for s in
                        textwrap.wrap(line, 76, break_long_words=False, break_on_hyphens=False))


def main():
    page, out, *programs = sys.argv[1:]
    Path(out).write_text("\n".join(wrapped(expand(Path(page), Tables(programs)))) + "\n")


if __name__ == "__main__":
    main()
