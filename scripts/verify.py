#!/usr/bin/env python3
"""Recomputes every key of a run from its keylogs, independently of the daemons: AES by the openssl command, HMAC by
the standard library. Lines: how often, what was checked.

usage: scripts/verify.py DIR      of scripts/demo, or of a lab whose nodes are called mme, ue, enb1, enb2 ... as there
exit code: 0 all agree, 1 something does not, or never happened, 2 usage"""

import hashlib
import hmac
import json
import re
import subprocess
import sys
from pathlib import Path

SN_ID = bytes.fromhex("00f110")
LINE = re.compile(r"^(?P<name>[a-z_]+) node=(?P<node>\S+)(?: ue=(?P<ue>\d+))?(?: enb=(?P<enb>\d+))?(?: gen=(?P<gen>\d+))?"
                  r"(?: kid=(?P<kid>\d+))?(?: alg=(?P<alg>\d+))? (?P<hex>[0-9a-f]+)$")


def aes(key, block):
    """AES of one or more blocks, by the openssl command."""
    cipher = f"-aes-{len(key) * 8}-ecb"
    return subprocess.run(["openssl", "enc", cipher, "-nopad", "-K", key.hex()], input=block, check=True,
                          capture_output=True).stdout


def kdf(key, fc, *params):
    s = bytes([fc]) + b"".join(p + len(p).to_bytes(2, "big") for p in params)
    return hmac.new(key, s, hashlib.sha256).digest()


def algorithm_key(key, kind, alg):
    return kdf(key, 0x15, bytes([kind]), bytes([alg]))[16:]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def milenage(k, opc, rand, sqn, amf):
    """MAC-A, RES, CK, IK, AK of TS 35.206."""
    temp = aes(k, xor(rand, opc))
    rot = lambda x, bits: x[bits // 8:] + x[:bits // 8]
    out = lambda bits, c: xor(aes(k, xor(rot(xor(temp, opc), bits), bytes(15) + bytes([c]))), opc)
    in1 = (sqn + amf) * 2
    out1 = xor(aes(k, xor(temp, rot(xor(in1, opc), 64))), opc)
    out2 = out(0, 1)
    return out1[:8], out2[8:], out(32, 2), out(64, 4), out2[:6]


def kenb_block(counter, literal, enb):
    plmn = bytes(3) if literal else SN_ID
    return bytes([counter]) + bytes(8) + plmn + enb.to_bytes(4, "big")


def kenb_of(h_key, literal, enb):
    counters = [0] if len(h_key) == 16 else [1, 2]
    return aes(h_key, b"".join(kenb_block(c, literal, enb) for c in counters))


class Check:
    def __init__(self):
        self.done, self.failed = {}, []

    def that(self, what, good, detail=""):
        self.done[what] = self.done.get(what, 0) + 1
        if not good:
            self.failed.append(f"{what}: {detail}")


def read(path):
    """Lines of all keylogs: list of dicts with numbers and octets."""
    rows = []
    for file in sorted(path.glob("*.keylog")):
        for line in file.read_text().splitlines():
            m = LINE.match(line)
            if not m:
                raise SystemExit(f"{file}: not a keylog line: {line.split()[0]}")
            row = {k: int(v) if v and k in ("enb", "gen", "kid", "alg") else v for k, v in m.groupdict().items()}
            row["key"] = bytes.fromhex(row.pop("hex"))
            row["file"] = file.stem
            rows.append(row)
    return rows


def check_handover_keys(c, rows, literal, used):
    h_keys = {}
    for r in rows:
        if r["name"] == "h_key":
            c.that("h_key only at mme and ue", r["node"] in ("mme", "ue"), r["node"])
            h_keys.setdefault((r["ue"], r["gen"]), r["key"])
            c.that("h_key equal at mme and ue", h_keys[r["ue"], r["gen"]] == r["key"], r["ue"])
    holders = {}
    for r in rows:
        if r["name"] == "kenb" and r["gen"]:
            want = kenb_of(h_keys[r["ue"], r["gen"]], literal, r["enb"])
            c.that("kenb = AES under h_key", want == r["key"], f"{r['ue']} gen {r['gen']} at {r['node']}")
            holders.setdefault((r["ue"], r["enb"], r["gen"]), set()).add(r["node"])
    for key in used:
        who = holders.get(key, set())
        c.that("kenb held by mme, ue and target only", who == {"mme", "ue", f"enb{key[1]}"}, f"{key} {who}")
    for key, who in holders.items():
        c.that("kenb at no other eNodeB", who <= {"mme", "ue", f"enb{key[1]}"}, f"{key} {who}")


def check_as_keys(c, rows):
    kenb = {(r["ue"], r["enb"], r["gen"]): r["key"] for r in rows if r["name"] == "kenb"}
    kinds = {"k_rrc_enc": 3, "k_rrc_int": 4, "k_up_enc": 5}
    nodes = {}
    for r in rows:
        if r["name"] not in kinds:
            continue
        key = (r["ue"], r["enb"], r["gen"])
        want = algorithm_key(kenb[key], kinds[r["name"]], r["alg"])
        c.that("AS keys = TS 33.401 A.7", want == r["key"], f"{r['name']} {key} at {r['node']}")
        nodes.setdefault(key + (r["name"],), set()).add(r["node"])
    for key, who in nodes.items():
        c.that("AS keys at ue and eNodeB", who == {"ue", f"enb{key[1]}"}, f"{key} {who}")


def check_enb_keys(c, rows):
    for r in rows:
        if r["name"] == "mme_enb_key" and r["node"] != "mme":
            c.that("mme_enb_key is the eNodeB's own", r["node"] == f"enb{r['enb']}", r["node"])
    mine = {}
    for r in rows:
        if r["name"] == "mme_enb_key":
            mine.setdefault((r["enb"], r["kid"]), set()).add(r["key"])
    for key, values in mine.items():
        c.that("mme_enb_key equal at mme and eNodeB", len(values) == 1, str(key))


def check_attach(c, rows, path):
    """From K, OPc and the RAND and AUTN that travelled in clear."""
    secret = {(r["ue"], r["name"]): r["key"] for r in rows if r["name"] in ("k", "opc") and r["node"] == "mme"}
    held = {}
    for r in rows:
        if r["name"] in ("kasme", "k_nas_enc", "k_nas_int") or (r["name"] == "kenb" and r["gen"] == 0):
            held.setdefault(r["ue"], []).append(r)
    for line in (path / "mme.events.ndjson").read_text().splitlines():
        e = json.loads(line)
        if e["topic"] != "authentication.requested":
            continue
        rand, autn = (bytes.fromhex(x.split("=")[1]) for x in e["detail"].split())
        k, opc = secret[e["ue"], "k"], secret[e["ue"], "opc"]
        _, _, ck, ik, ak = milenage(k, opc, rand, bytes(6), autn[6:8])
        mac, *_ = milenage(k, opc, rand, xor(autn[:6], ak), autn[6:8])
        c.that("AUTN's MAC-A", mac == autn[8:], e["ue"])
        kasme = kdf(ck + ik, 0x10, SN_ID, autn[:6])
        want = {"kasme": lambda r: kasme, "kenb": lambda r: kdf(kasme, 0x11, bytes(4)),
                "k_nas_enc": lambda r: algorithm_key(kasme, 1, r["alg"]),
                "k_nas_int": lambda r: algorithm_key(kasme, 2, r["alg"])}
        for r in held.get(e["ue"], []):
            c.that(f"attach {r['name']}", want[r["name"]](r) == r["key"], f"{e['ue']} at {r['node']}")


def handovers_of(path):
    """{(ue, target, generation)} of the handovers that completed, as the demo and the events of the UEs tell."""
    used = set()
    if (path / "summary.json").exists():
        summary = json.loads((path / "summary.json").read_text())
        used = {(h["ue"], h["to"], h["generation"]) for h in summary["handovers"] if h["outcome"] == "completed"}
    events = (json.loads(line) for line in (path / "ue.events.ndjson").read_text().splitlines())
    return used | {(e["ue"], e["enb"], e["gen"]) for e in events if e["topic"] == "handover.executed"}


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if sys.argv[1:] else 2
    path = Path(sys.argv[1])
    rows = read(path)
    if not rows:
        raise SystemExit(f"{path}: no NODE.keylog with keys in it: a run directory of scripts/demo or keyhop lab has them")
    literal = bool(re.search(r"^kenb_input: *literal", (path / "mme.yaml").read_text(), re.M))
    c = Check()
    check_handover_keys(c, rows, literal, handovers_of(path))
    check_as_keys(c, rows)
    check_enb_keys(c, rows)
    check_attach(c, rows, path)
    for what, n in c.done.items():
        print(f"{n:6} {what}")
    for text in c.failed[:20]:
        print(f"FAILED {text}")
    wanted = {"kenb = AES under h_key", "AS keys = TS 33.401 A.7", "attach kasme", "attach kenb",
              "kenb held by mme, ue and target only", "mme_enb_key is the eNodeB's own"}
    missing = wanted - set(c.done)
    if missing:
        print(f"FAILED never checked, as nothing of the kind happened: {', '.join(sorted(missing))}")
    bad = len(c.failed) + len(missing)
    print(f"FAILED  {bad} of {sum(c.done.values())} checks" if bad else f"OK  {sum(c.done.values())} checks")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
