"""A lab: keys, certificates and configurations for the nodes of a topology; starting and ending them on a back end.
Shared by the demo, the tests and `keyhop lab`."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from keyhop import Node, wait_until  # noqa: E402
from lab_local import Loopback, Netns  # noqa: E402

ROOT = HERE.parent
SOCKET_PATH_MAX = 100
DAEMONS = {"mme": "mmed", "enb": "enbd", "ue": "ued"}
PLAIN = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.:+-]*")


def backend_class(name):
    """The class of a back end, by the name that people type; a class of one's own is one, too."""
    if isinstance(name, type):
        return name
    if name == "vm":
        from lab_vm import Vm

        return Vm
    return {"loopback": Loopback, "netns": Netns}[name]


def plain_topology(enbs=3, ues=1):
    """enb1 and up, all neighbours of each other, and one ued with `ues` UEs."""
    nodes = [{"name": "mme", "role": "mme", "id": 0}]
    nodes += [{"name": f"enb{n}", "role": "enb", "id": n} for n in range(1, enbs + 1)]
    nodes.append({"name": "ue", "role": "ue", "id": 0})
    return {"name": "plain", "plmn.mcc": "001", "plmn.mnc": "01", "transport": "tcp", "security": "tls",
            "faults": False, "keylog": True, "capture": False, "nodes": nodes, "neighbours": [],
            "ues": [{"node": "ue", "count": ues, "cells": None, "attach": None}], "links": [], "options": []}


def words(text):
    """The names in a list of a topology file."""
    return re.findall(r"[^ ,]+", text or "")


def put(config, path, value):
    """Sets a dotted option."""
    *sections, last = path.split(".")
    for section in sections:
        config = config.setdefault(section, {})
    config[last] = value


def scalar(value):
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if PLAIN.fullmatch(text) or text[:1] in ("[", "{") else json.dumps(text)


def flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    return scalar(value)


def yaml(config, indent=""):
    """A configuration as text: a line for each section, but those with lists in them as blocks."""
    out = ""
    for key, value in config.items():
        if isinstance(value, list):
            out += f"{indent}{key}:\n" + "".join(f"{indent}  - {flow(item)}\n" for item in value)
        elif isinstance(value, dict) and any(isinstance(v, list) for v in value.values()):
            out += f"{indent}{key}:\n" + yaml(value, indent + "  ")
        else:
            out += f"{indent}{key}: {flow(value)}\n"
    return out


def fresh(path):
    """Empties the folder of an earlier run. What is wrong with it (a folder of something else, or nodes that still
    run), or None."""
    if path.exists():
        if any(path.iterdir()) and not (path / "lab.json").exists():
            return f"{path} is not empty and not an earlier run"
        if any(still_runs(pid_file) for pid_file in path.glob("*.pid")):
            return f"nodes of {path} still run"
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return None


def still_runs(pid_file):
    """Is the process of that file one of this folder's daemons?"""
    try:
        cmdline = Path(f"/proc/{int(pid_file.read_text())}/cmdline").read_bytes()
    except (ValueError, OSError):
        return False
    return str(pid_file.parent).encode() in cmdline


class Lab:
    """`topology` is what `keyhop lab` makes of a file; without one it is `enbs` eNodeBs and a ued with `ues` UEs.
    `mme` holds options of the MME, as text; `extra` maps a node's name to text that is added to its configuration, "*enb" to
    all eNodeBs. `transport` is tcp, sctp or sctp-udp; without it $KEYHOP_TRANSPORT says so, or it is tcp."""

    def __init__(self, path, enbs=3, ues=1, build=None, mme=None, extra=None, keylog=True, topology=None,
                 backend="loopback", transport=None):
        self.path = Path(path).absolute()
        self.build = Path(build or os.environ.get("KEYHOP_BUILD") or ROOT / "build").absolute()
        self.topology = topology or plain_topology(enbs, ues) | {
            "keylog": keylog, "transport": transport or os.environ.get("KEYHOP_TRANSPORT") or "tcp"}
        self.nodes = {n["name"]: n for n in self.topology["nodes"]}
        self.enbs = len(self.enb_names())
        self.players = self.make_ues()
        self.imsis = [imsi for imsis in self.players.values() for imsi in imsis]
        self.subscribers = {i: (os.urandom(16).hex(), os.urandom(16).hex(), None) for i in self.imsis}
        self.mme = mme or {}
        self.extra = extra or {}
        self.words = {}  # more words of a node's command line, on this machine
        self.notes = []  # what this back end cannot do, for people
        self.process = {}
        self.control = {}
        self.prepared = False
        self._sockets = None
        self.backend = backend_class(backend)(self)

    # Names and addresses.
    def of_role(self, role):
        return [name for name, node in self.nodes.items() if node["role"] == role]

    def names(self):
        return self.of_role("mme") + self.enb_names() + self.of_role("ue")

    def enb_names(self):
        return self.of_role("enb")

    @property
    def net(self):
        return self.backend.net

    def address(self, name):
        return self.backend.address(name)

    def sockets(self):
        """A folder with a short name, for sockets whose own would be too long."""
        if not self._sockets:
            self._sockets = Path(tempfile.mkdtemp(prefix="keyhop-"))
        return self._sockets

    def short_path(self, file):
        """A path that a socket may have; `file` leads there."""
        path = self.path / file
        if len(str(path)) <= SOCKET_PATH_MAX:
            return path
        if not path.is_symlink():
            path.symlink_to(self.sockets() / file)
        return self.sockets() / file

    def socket_path(self, name):
        return self.short_path(f"{name}.sock")

    # UEs.
    def plmn(self):
        return self.topology["plmn.mcc"] + self.topology["plmn.mnc"]

    def make_ues(self):
        """{node: IMSIs}, counted through all nodes that play UEs."""
        wanted = {u["node"]: u["count"] for u in self.topology["ues"]}
        out, number = {}, 1
        for name in self.of_role("ue"):
            count = wanted.get(name, 1)
            out[name] = [self.plmn() + str(n).zfill(15 - len(self.plmn())) for n in range(number, number + count)]
            number += count
        return out

    # Files.
    def pki(self, *args):
        """By scripts/pki. What KEYHOP_LAB_PKI has, the folder of an earlier lab with the same nodes, is taken over."""
        made = os.environ.get("KEYHOP_LAB_PKI")
        name = "ca" if args[0] == "init" else args[2] if args[0] == "issue" else None
        files = [f"{name}.pem", f"{name}.key", *["crl.pem"] * (name == "ca")] if made and name else []
        if files and all((Path(made) / file).exists() for file in files):
            for file in files:
                shutil.copy2(Path(made) / file, self.path)
            return
        subprocess.run([str(HERE / "pki"), str(self.path), *map(str, args)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write_subscribers(self, name="subscribers.csv", subscribers=None):
        lines = ["# IMSI,K,OPc[,SQN]"]
        for imsi, (k, opc, sqn) in (self.subscribers if subscribers is None else subscribers).items():
            lines.append(",".join([imsi, k, opc] + ([sqn] if sqn else [])))
        fd = os.open(self.path / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write("\n".join(lines) + "\n")

    def common(self, name):
        plmn = {"mcc": self.topology["plmn.mcc"], "mnc": self.topology["plmn.mnc"]}
        out = {"node": {"name": name, "plmn": plmn},
               "control": {"socket": self.backend.control(name), "event_ring": 65536},
               "log": {"level": "info", "file": f"{name}.log"}, "events": f"{name}.events.ndjson"}
        if self.topology["keylog"]:
            out["keylog"] = f"{name}.keylog"
        if self.topology["faults"]:
            out["lab"] = {"faults": True}
        if self.nodes[name]["role"] != "ue":
            out["security"] = self.topology["security"]
            if self.topology["security"] == "tls":
                out["tls"] = {"ca": "ca.pem", "cert": f"{name}.pem", "key": f"{name}.key", "crl": "crl.pem"}
        transport = self.transport()
        if transport != "tcp":
            out["transport"] = transport
        return out

    def transport(self):
        wanted = self.topology["transport"]
        if wanted != "auto":
            return wanted
        return "sctp" if self.backend.has_sctp() and self.takes("transport", "sctp") else "tcp"

    def takes(self, option, value):
        """Is that a value of an option that all daemons have?"""
        check = [str(self.program("mmed")), "-c", os.devnull, "-o", f"{option}={value}", "--check"]
        return f'"{option}" wants' not in subprocess.run(check, capture_output=True, text=True).stderr

    def mme_config(self, name):
        return self.common(name) | {"s1": {"listen": self.address(name)}, "subscribers": "subscribers.csv",
                                    "store": f"{name}.db"}

    def peer(self, name):
        return {"id": self.nodes[name]["id"], "address": self.address(name), "name": name}

    def neighbours(self, name):
        if not self.topology["neighbours"]:
            return [n for n in self.enb_names() if n != name]
        return [n for entry in self.topology["neighbours"] if entry["enb"] == name
                for n in words(entry["of"]) if n != name]

    def enb_config(self, name):
        out = self.common(name)
        out["node"]["id"] = self.nodes[name]["id"]
        mme = self.of_role("mme")[0]
        out |= {"mme": {"address": self.address(mme), "name": mme}, "uu": {"listen": self.address(name)},
                "x2": {"listen": self.address(name)}}
        others = self.neighbours(name)
        if others:
            out["x2"]["neighbours"] = [self.peer(n) for n in others]
        return out

    def cells(self, name):
        mine = [u for u in self.topology["ues"] if u["node"] == name and u["cells"]]
        return words(mine[0]["cells"]) if mine else self.enb_names()

    def ue_config(self, name):
        out = self.common(name) | {"subscribers": f"{name}-subscribers.csv", "usim": f"{name}.db",
                                   "cells": [self.peer(n) for n in self.cells(name)]}
        for ues in self.topology["ues"]:
            if ues["node"] == name and ues["attach"]:
                out["attach"] = {"cell": self.nodes[words(ues["attach"])[0]]["id"]}
        return out

    def config(self, name):
        """The text of a node's configuration."""
        role = self.nodes[name]["role"]
        out = {"mme": self.mme_config, "enb": self.enb_config, "ue": self.ue_config}[role](name)
        for o in self.topology["options"]:
            if o["node"] in (name, role):
                put(out, o["option"], o["value"])
        more = {"mme": "".join(f"{k}: {v}\n" for k, v in self.mme.items()), "enb": self.extra.get("*enb", "")}
        return yaml(out) + more.get(role, "") + self.extra.get(name, "")

    def write_state(self):
        state = {"topology": self.topology, "backend": self.backend.name, "transport": self.transport(),
                 "addresses": {n: self.address(n) for n in self.names()}, "notes": self.notes}
        (self.path / "lab.json").write_text(json.dumps(state, indent=1) + "\n")

    def prepare(self):
        """Makes the network, and writes everything the daemons need; once."""
        if self.prepared:
            return
        self.prepared = True
        self.path.mkdir(parents=True, exist_ok=True)
        self.backend.open()
        self.write_files()

    def write_files(self):
        self.pki("init")
        for name in self.of_role("mme"):
            self.pki("issue", "mme", name)
        for name in self.enb_names():
            self.pki("issue", "enb", name, self.plmn(), self.nodes[name]["id"])
        self.write_subscribers()
        for name, imsis in self.players.items():
            self.write_subscribers(f"{name}-subscribers.csv", {i: self.subscribers[i] for i in imsis})
        for name in self.names():
            (self.path / f"{name}.yaml").write_text(self.config(name))
        self.write_state()

    # Processes.
    def binary(self, name):
        role = self.nodes[name]["role"] if name in self.nodes else "enb"
        return self.program(DAEMONS[role])

    def program(self, daemon):
        """A daemon's binary: of a build, or installed below a prefix."""
        for place in (self.build / daemon / daemon, self.build / "sbin" / daemon, self.build / "bin" / daemon):
            if place.exists():
                return place
        return Path(shutil.which(daemon) or self.build / daemon / daemon)

    def start_node(self, name):
        """Starts a daemon; connect() waits until it says that it is ready."""
        self.backend.start(name)

    def wait_ready(self, name, timeout):
        """Until the daemon said READY=1, or ended."""
        self.backend.wait_ready(name, timeout)

    def connect(self, name, timeout=20.0):
        """A control connection to a node that was started."""
        self.wait_ready(name, timeout * self.backend.patience)
        return Node(self.socket_path(name), timeout=30.0 * self.backend.patience)

    def tail(self, name, lines=15):
        text = ""
        for suffix in ("stderr", "log"):
            path = self.path / f"{name}.{suffix}"
            if path.exists():
                text += "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text

    def node(self, name):
        if name not in self.control:
            self.control[name] = self.connect(name)
        return self.control[name]

    def is_ready(self):
        """All tunnels, X2 associations and cells are up."""
        enbs = [self.node(name).call("status") for name in self.enb_names()]
        ues = [self.node(name).call("status") for name in self.of_role("ue")]
        return (all(e["s1_up"] and e["x2_up"] >= e["x2_wanted"] for e in enbs)
                and all(self.node(name).call("status")["enbs_up"] == self.enbs for name in self.of_role("mme"))
                and all(u["cells_up"] == u["cells"] for u in ues))

    def until_ready(self, timeout=30.0):
        nodes = [self.node(name) for name in self.names()]
        for node in nodes:
            node.subscribe(topics=["tunnel.", "enb.", "x2.", "cell."])
        wait_until(nodes, self.is_ready, timeout * self.backend.patience, "the lab is ready")
        for node in nodes:
            node.call("events.unsubscribe")
            node.events.clear()

    def start(self):
        self.prepare()
        names = self.names()
        if not self.backend.at_once:
            for name in self.of_role("mme"):
                self.start_node(name)
                self.node(name)
            names = names[1:]
        for name in names:
            self.start_node(name)
        self.until_ready()
        return self

    def attach_all(self, cell="enb1"):
        requests = [(name, self.node(name).send("attach", ue=imsi, cell=cell, wait=True))
                    for name, imsis in self.players.items() for imsi in imsis]
        for name, request in requests:
            self.node(name).answer(request, 60.0)

    def stop_node(self, name, sig=signal.SIGTERM):
        """Ends one daemon; its exit code."""
        control = self.control.pop(name, None)
        if control:
            control.close()
        return self.backend.stop(name, sig)

    def stop(self):
        """Ends all daemons of this lab and what they stood on; {name: exit code}."""
        codes = {}
        for name in reversed(self.names()):
            code = self.stop_node(name)
            if code is not None:
                codes[name] = code
        self.backend.close()
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
