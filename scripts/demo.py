"""What scripts/demo does once everything is built."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from shlex import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))
from keyhop import KeyhopError, Node  # noqa: E402
from lab import ROOT, Lab, fresh  # noqa: E402

WEAK = {
    "aes-kw": "aes-kw has integrity but binds a wrapped key to no UE, generation or source: a hostile source with a "
              "subscriber of its own can take over a victim's handover.",
    "aes-block": "aes-block is the contribution's one-block example: no integrity, bound to nothing; a wrong key shows "
                 "only at message 10, and a hostile source can take over a victim's handover.",
}


def options():
    name = "keyhop demo" if "--tool" in sys.argv else "scripts/demo"
    p = argparse.ArgumentParser(prog=name, description="A handover between real daemons, step by step.")
    p.add_argument("--out", metavar="DIR", help="where everything is left (default: ./run)")
    p.add_argument("--transport", default="tcp", choices=["tcp", "sctp", "sctp-udp"],
                   help="sctp is the kernel's, sctp-udp works everywhere")
    p.add_argument("--enbs", type=int, default=3, metavar="N", help="eNodeBs, 2 to 33 (3)")
    p.add_argument("--ues", type=int, default=1, metavar="N", help="UEs (1)")
    p.add_argument("--moves", type=int, default=3, metavar="N", help="handovers of each UE (3); 0 with --stay: nobody attaches")
    p.add_argument("--wrap", default="aes-gcm", choices=["aes-gcm", "aes-kw", "aes-block"],
                   help="how a KeNB is wrapped for its eNodeB, 3c (aes-gcm); the others are for study")
    p.add_argument("--h-key-bits", default="128", choices=["128", "256"], help="3a (128)")
    p.add_argument("--kenb-input", default="plmn", choices=["literal", "plmn"],
                   help="what the H_key enciphers, 3b: eNB_ID alone, or with the PLMN (plmn)")
    p.add_argument("--location-update", default="target", choices=["source", "target"],
                   help="who sends message 12 (target): the eNodeB that serves the UE now, or the one before")
    p.add_argument("--stay", action="store_true", help="leave the daemons running, with faults allowed")
    p.add_argument("--stop", metavar="DIR", help="end the daemons of an earlier --stay")
    p.add_argument("--build", metavar="DIR", help="use the binaries of another build directory")
    p.add_argument("--tool", help=argparse.SUPPRESS)  # the keyhop that this is a verb of: its daemons are near it
    a = p.parse_args()
    a.name = name
    a.tool = Path(a.tool or Path(a.build or os.environ.get("KEYHOP_BUILD") or ROOT / "build") / "ctl/keyhop").absolute()
    a.build = a.build or a.tool.parent.parent
    if not 2 <= a.enbs <= 33 or a.ues < 1 or a.moves < 0 or (a.moves == 0 and not a.stay):
        p.error("--enbs 2..33, --ues and --moves from 1 (--moves 0 with --stay: nobody attaches)")
    if a.wrap == "aes-block" and a.h_key_bits == "256":
        p.error("--wrap aes-block takes a 128-bit KeNB only")
    return a


def stop(path):
    """Ends what --stay left, by the control sockets, then by the pids."""
    ended = 0
    for pid_file in sorted(Path(path).glob("*.pid")):
        name = pid_file.stem
        try:
            with Node(Path(path) / f"{name}.sock") as node:
                node.call("shutdown")
            ended += 1
        except (OSError, KeyhopError):
            try:
                os.kill(int(pid_file.read_text()), signal.SIGTERM)
                ended += 1
            except (ProcessLookupError, ValueError):
                pass
        pid_file.unlink()
    print(f"{ended} daemons ended")
    return 0 if ended else 1


def prepare_folder(path, name):
    problem = fresh(path)
    if problem:
        sys.exit(f"{name}: {problem}" + (f": {name} --stop {quote(str(path))}" if "still run" in problem else ""))
    (path / "summary.json").write_text('{"verdict": "unfinished", "handovers": []}\n')


def move_all(lab, source, target):
    """Every UE hears the target well and the others badly; the cells do the rest. Those that completed."""
    ue = lab.node("ue")
    cells = {name: -95 for name in lab.enb_names()}
    cells[target] = -70
    for request in [ue.send("measure", ue=imsi, cells=cells) for imsi in lab.imsis]:
        ue.answer(request)
    outcome = {}
    deadline = 30 + len(lab.imsis) / 20
    node = lab.node(source)
    while len(outcome) < len(lab.imsis):
        try:
            e = node.wait_event(lambda e: e["topic"] in ("handover.completed", "handover.failed"), deadline)
        except TimeoutError:
            break
        outcome[e["ue"]] = e
    return outcome


def wait_serving(lab, target, imsis):
    """Until each UE itself has the target's acknowledgement and, after 12 and 13, its next H_key: the last message."""
    ue = lab.node("ue")
    used, newest, missing = {}, {}, set(imsis)
    while missing:
        e = ue.wait_event(lambda e: e["topic"] == "hkey.received" or e["enb"] == int(target[3:]), 30)
        (newest if e["topic"] == "hkey.received" else used)[e["ue"]] = e["gen"]
        if newest.get(e["ue"], 0) > used.get(e["ue"], e["gen"]):
            missing.discard(e["ue"])


def ping_all(lab):
    ue = lab.node("ue")
    failed = 0
    for request in [ue.send("traffic.ping", ue=imsi) for imsi in lab.imsis]:
        try:
            ue.answer(request)
        except KeyhopError as e:
            failed += 1
            print(f"ping failed: {e}")
    return failed


def read_events(path, name):
    file = path / f"{name}.events.ndjson"
    return [json.loads(line) for line in file.read_text().splitlines()]


def fingerprints(events):
    """(ue, target, generation) -> {mme, target, ue}: what each node says of KeNB."""
    out = {}
    for who, topic in (("mme", "kenb.derived"), ("target", "kenb.unwrapped"), ("ue", "kenb.derived")):
        for e in events:
            node = "mme" if e["node"] == "mme" else "ue" if e["node"] == "ue" else "target"
            if e["topic"] == topic and node == who and e.get("gen"):
                out.setdefault((e["ue"], e["enb"], e["gen"]), {})[who] = e["fp"]
    return out


def run(lab, a):
    """(outcomes in order, pings that failed)"""
    handovers, pings = [], 0
    if not a.moves:
        return handovers, pings
    lab.attach_all()
    print(f"{len(lab.imsis)} UE{'s' * (len(lab.imsis) > 1)} attached to enb1")
    pings += ping_all(lab)
    names = lab.enb_names()
    lab.node("ue").subscribe(topics=["handover.executed", "hkey.received"])
    for name in names:
        lab.node(name).subscribe(topics=["handover.completed", "handover.failed"])
    for move in range(a.moves):
        source, target = names[move % len(names)], names[(move + 1) % len(names)]
        outcome = move_all(lab, source, target)
        done = [imsi for imsi, e in outcome.items() if e["topic"] == "handover.completed"]
        for imsi in lab.imsis:
            e = outcome.get(imsi, {"cause": "timeout"})
            handovers.append({"ue": imsi, "from": int(source[3:]), "to": int(target[3:]),
                              "generation": e.get("gen", 0), "duration_us": e.get("duration_us"),
                              "outcome": "completed" if imsi in done else e.get("cause", "failed")})
        print(f"move {move + 1}: {source} -> {target}: {len(done)} of {len(lab.imsis)} completed")
        if len(done) < len(lab.imsis):
            break
        wait_serving(lab, target, done)
        pings += ping_all(lab)
    return handovers, pings


def write_summary(lab, a, handovers, pings, events):
    fps = fingerprints(events)
    bad = 0
    for h in handovers:
        fp = fps.get((h["ue"], h["to"], h["generation"]), {})
        h["kenb_fp"] = {who: fp.get(who) for who in ("mme", "target", "ue")}
        agreed = len(set(h["kenb_fp"].values())) == 1 and h["kenb_fp"]["ue"] is not None
        bad += not agreed
    completed = sum(h["outcome"] == "completed" for h in handovers)
    wanted = a.moves * a.ues
    good = completed == wanted and not bad and not pings
    summary = {"verdict": "ok" if good else "failed", "wrap": a.wrap, "h_key_bits": int(a.h_key_bits),
               "kenb_input": a.kenb_input, "location_update": a.location_update, "transport": a.transport,
               "enbs": a.enbs, "ues": a.ues, "moves": a.moves, "completed": completed,
               "mismatches": bad, "failed_pings": pings, "handovers": handovers}
    (lab.path / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def extra(name, stay):
    """What the demo adds to a node's configuration: captures, TLS secrets for them, and faults for those who stay."""
    return (f"capture: {name}.pcapng\ncapture_max_size: 1GiB\n"
            + ("" if name == "ue" else f"tls_keylog: {name}.tlskeys\n") + ("lab: {faults: true}\n" if stay else ""))


def draw(lab, tool):
    """The captures of all nodes as one, and the first UE's ladder as a page and as text, which is returned."""
    keys = [word for name in lab.names() if name != "ue" for word in ("--tls-keylog", f"{name}.tlskeys")]
    verbs = [["merge", *(f"{name}.pcapng" for name in lab.names()), *keys, "-o", "capture.pcapng"]]
    verbs += [["seq", ".", "--ue", lab.imsis[0], "-o", name] for name in ("ladder.html", "ladder.txt")]
    for words in verbs:
        subprocess.run([str(tool), *words], cwd=lab.path, stdout=subprocess.DEVNULL, check=True)
    return (lab.path / "ladder.txt").read_text()


def main():
    a = options()
    if a.stop:
        return stop(a.stop)
    path = Path(a.out or "run").absolute()
    prepare_folder(path, a.name)
    if a.wrap in WEAK:
        print(f"NOTE wrap {a.wrap} is for study: {WEAK[a.wrap]}")
    lab = Lab(path, enbs=a.enbs, ues=a.ues, build=a.build, transport=a.transport,
              mme={"wrap": a.wrap, "h_key_bits": a.h_key_bits, "kenb_input": a.kenb_input,
                   "location_update": a.location_update})
    lab.extra = {name: extra(name, a.stay) for name in lab.names()}
    codes = {}
    try:
        print(f"starting mme, {a.enbs} eNodeBs and a ued on {lab.net}.0/24 ...", flush=True)
        lab.start()
        handovers, pings = run(lab, a)
    except (RuntimeError, TimeoutError, KeyhopError, ConnectionError) as e:
        print(f"FAILED {e}")
        for name in lab.names():
            print(f"--- {name}\n{lab.tail(name, 5)}")
        lab.stop()
        return 1
    if a.stay:
        for name in lab.names():
            lab.node(name).call("capture.stop")
    else:
        codes = lab.stop()
    text = draw(lab, a.tool)
    events = [e for name in lab.names() for e in read_events(path, name)]
    summary = write_summary(lab, a, handovers, pings, events)
    print(text)
    bad_exits = {name: code for name, code in codes.items() if code}
    for name, code in bad_exits.items():
        print(f"FAILED {name} ended with {code}\n{lab.tail(name)}")
    took = sorted(h["duration_us"] for h in handovers if h["duration_us"])
    median = took[len(took) // 2] / 1000 if took else 0
    good = summary["verdict"] == "ok" and not bad_exits
    print(f"{'OK' if good else 'FAILED'}  {summary['completed']} of {a.moves * a.ues} handovers, "
          f"{summary['mismatches']} fingerprint mismatches, {pings} failed pings, {median:.1f} ms median")
    print(f"left in {path}: ladder.html ladder.txt summary.json capture.pcapng, and of each node its configuration, "
          "log, events, keylog and capture")
    if a.stay:
        print(f"\nstill running; for example:\n  export KEYHOP_RUN={quote(str(path))} PATH=$PATH:{quote(str(a.tool.parent))}\n"
              f"  keyhop {'enb1 ue list' if a.moves else f'ue attach --ue {lab.imsis[0]} --cell enb1 --wait'}\n"
              f"  keyhop enb1 help\nend it with: {a.name} --stop {quote(str(path))}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
