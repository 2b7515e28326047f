"""A ladder of one UE's run from the events of all nodes: a lane a node, the contribution's step numbers, and the
fingerprint of a key wherever a node comes to hold it."""

WIDTH = 19

# topic -> (step, sender, receiver, text); roles: mme, source, target, serving, ue
ARROWS = {
    "enbkey.sent": ("2", "mme", "enb", "MME-eNB_key"),
    "neighbour_list.sent": ("3", "node", "mme", "neighbour list"),
    "hkey.sent": ("5", "mme", "ue", "H_key (NAS)"),
    "measure.sent": ("6", "ue", "enb", "measurement"),
    "handover.requested": ("7", "node", "enb", "HO request"),
    "handover.prepared": ("8", "node", "source", "HO response"),
    "handover.complete_sent": ("11", "node", "source", "HO complete"),
    "location_update.sent": ("12", "node", "mme", "location update"),
}
KEYED = {"enbkey.picked", "enbkey.installed", "hkey.picked", "hkey.received", "kenb.derived", "kenb.unwrapped",
         "kenb.initial", "as_keys.derived"}
LOCAL = {"handover.decided": "decides", "handover.confirmed": "MAC-I good"}


def lanes_header(names):
    return "".join(name.center(WIDTH) for name in names)


def column(names, name):
    return names.index(name) * WIDTH + WIDTH // 2


def arrow(names, sender, receiver, label):
    """One line with an arrow between two lanes and the label on it."""
    line = list("".join("|".center(WIDTH) for _ in names))
    a, b = column(names, sender), column(names, receiver)
    low, high = min(a, b), max(a, b)
    for i in range(low + 1, high):
        line[i] = "-"
    line[high - 1 if b > a else low + 1] = ">" if b > a else "<"
    text = f" {label} "[: high - low - 3]
    at = (low + high - len(text)) // 2 + 1
    line[at : at + len(text)] = text
    return "".join(line).rstrip()


def note(names, name, text):
    line = "".join("|".center(WIDTH) for _ in names)
    return f"{line.rstrip()}   [{name}] {text}"


def enb(number):
    return f"enb{number}"


def one(names, e, matches):
    topic, node, step = e["topic"], e["node"], e.get("step", "")
    if topic == "wraplist.sent":
        return [arrow(names, "mme", enb(e["enb"]), f"{step} wrapped list")]
    if topic == "handover.commanded" and node != "ue":
        return [arrow(names, node, "ue", f"9 HO command {e['enb']}")]
    if topic == "handover.confirmed":
        return [arrow(names, "ue", node, "10 HO confirm")]
    if topic in ARROWS:
        number, sender, receiver, text = ARROWS[topic]
        ends = {"node": node, "mme": "mme", "ue": "ue", "enb": enb(e.get("enb")), "source": enb(e.get("source"))}
        return [arrow(names, ends[sender], ends[receiver], f"{number} {text}")]
    if topic in KEYED and e.get("fp"):
        about = f" enb{e['enb']}" if topic in ("kenb.derived", "enbkey.picked") else ""
        gen = f" gen {e['gen']}" if e.get("gen") else ""
        text = f"{step or 'attach'} {e['key']}{about}{gen} fp {e['fp']}"
        key = (e.get("ue"), e.get("enb"), e.get("gen"))
        if topic == "kenb.derived" and node == "ue":
            text += "  MATCH" if matches.get(key) else "  MISMATCH"
        return [note(names, node, text)]
    if topic == "kenb.wrapped":
        return [note(names, node, f"{step} {{kenb enb{e['enb']}}} wrapped under kid {e['kid']}")]
    if topic in LOCAL:
        return [note(names, node, f"{step} {LOCAL[topic]}")]
    if topic in ("ue.attached", "handover.failed", "refused"):
        return [note(names, node, f"{topic} {e.get('cause', '')} {e.get('detail', '')}".rstrip())]
    return []


def agreement(events):
    seen = {}
    for e in events:
        if e["topic"] in ("kenb.derived", "kenb.unwrapped") and e.get("gen"):
            role = e["node"] if e["node"] in ("mme", "ue") else "target"
            seen.setdefault((e["ue"], e["enb"], e["gen"]), {})[role] = e["fp"]
    return {k: len(v) == 3 and len(set(v.values())) == 1 for k, v in seen.items()}


def causal_rank(e):
    """Among events of the same microsecond, the order of the steps."""
    order = "1 2 3 3a 3b 3c 4 5 6 6a 7 7a 8a 8 9 9a 9b 10 11 12 13".split()
    return order.index(e["step"]) if e.get("step") in order else 99


def ladder(events, names, imsi):
    mine = [e for e in events if not e.get("ue") or e["ue"] == imsi]
    mine.sort(key=lambda e: (e["ts"], causal_rank(e)))
    matches = agreement(events)
    out = [lanes_header(names), ""]
    for e in mine:
        out += one(names, e, matches)
    out += ["", lanes_header(names), ""]
    return "\n".join(line.rstrip() for line in out)
