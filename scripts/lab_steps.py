#!/usr/bin/env python3
"""Which step each node took for each UE, in order; the same for two runs when the same happened in both.

usage: lab_steps.py DIR [DIR]        one: prints them; two: compares them, 0 when they are the same and there is something"""

import difflib
import json
import sys
from pathlib import Path


def events(path):
    """All events of a run directory that have a step and a UE, a list for each node in the order it made them."""
    out = {}
    for file in sorted(Path(path).glob("*.events.ndjson")):
        lines = file.read_text().splitlines()
        parsed = [json.loads(line) for line in lines if line.endswith("}")]
        out[file.name.removesuffix(".events.ndjson")] = [e for e in parsed if e.get("step") and e.get("ue")]
    return out


def steps(path):
    """{UE: lines}: node, step and topic; node by node, as no clock is common to all of them."""
    out = {}
    for node, made in events(path).items():
        for e in made:
            about = f" enb{e['enb']}" if e.get("enb") else ""
            out.setdefault(e["ue"], []).append(f"{node:8} {e['step']:3} {e['topic']}{about}")
    return out


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    runs = [steps(path) for path in sys.argv[1:]]
    if len(runs) == 1:
        for ue, lines in runs[0].items():
            print(ue + "\n" + "\n".join(lines))
        return 0
    a, b = runs
    differ = 0
    for ue in sorted(a.keys() | b.keys()):
        diff = list(difflib.unified_diff(a.get(ue, []), b.get(ue, []), *sys.argv[1:], ue, ue, lineterm=""))
        differ += bool(diff)
        print("\n".join(diff), end="\n" if diff else "")
    taken = sum(map(len, a.values()))
    print(f"{len(a.keys() | b.keys())} UEs, {taken} steps: {'the same' if not differ else f'{differ} UEs differ'}")
    return 1 if differ or not taken else 0


if __name__ == "__main__":
    sys.exit(main())
