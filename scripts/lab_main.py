"""What `keyhop lab` does once the topology is read: a keeper stays behind as the parent of all nodes and answers on
DIR/lab.ctl; the other actions talk to it."""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from keyhop import KeyhopError, Node  # noqa: E402
from lab import Lab, fresh, still_runs  # noqa: E402
from lab_local import LabError  # noqa: E402

DONE, FAILED, USAGE, UNREACHABLE, NOT_FOUND, TIMEOUT, REFUSED = range(7)
BACKENDS = ("loopback", "netns", "vm")


class Stop(Exception):
    """Ends the tool with an exit code and a text."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


# The keeper.
class Keeper:
    """Holds a lab that is up, and does what it is asked, one request a connection."""

    def __init__(self, lab):
        self.lab = lab
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        self.listener.bind(str(lab.short_path("lab.ctl")))
        os.umask(old)
        self.listener.listen(16)
        self.over = False

    def known(self, *names):
        for name in names:
            if name not in self.lab.nodes:
                raise Stop(NOT_FOUND, f"no node \"{name}\" in this lab: {' '.join(self.lab.names())}")

    def do_status(self, request):
        nodes = [{"node": name, "role": self.lab.nodes[name]["role"], "address": self.lab.address(name),
                  "state": "up" if self.lab.backend.is_up(name) else "ended",
                  "exit": self.lab.backend.code(name)} for name in self.lab.names()]
        return {"topology": self.lab.topology["name"], "backend": self.lab.backend.name,
                "transport": self.lab.transport(), "security": self.lab.topology["security"],
                "ready": self.is_ready(), "run": str(self.lab.path), "nodes": nodes,
                "partitions": self.lab.backend.partitions(), "notes": self.lab.notes}

    def is_ready(self):
        try:
            return all(map(self.lab.backend.is_up, self.lab.names())) and self.lab.is_ready()
        except (OSError, KeyhopError, RuntimeError, TimeoutError):
            for control in self.lab.control.values():
                control.close()
            self.lab.control.clear()
            return False

    def do_down(self, request):
        self.over = True
        return {"exit": self.end()}

    def do_partition(self, request):
        self.known(*request["between"])
        if len(set(request["between"])) != 2:
            raise Stop(USAGE, "partition: two nodes")
        self.lab.backend.partition(*request["between"])
        return {"partitions": self.lab.backend.partitions()}

    def do_heal(self, request):
        self.known(*request["between"])
        self.lab.backend.heal(*request["between"])
        return {"partitions": self.lab.backend.partitions()}

    def do_enter(self, request):
        """How a command comes to run where the node is."""
        self.known(request["node"])
        hub = getattr(self.lab.backend, "hub_path", None)
        if hub:
            return {"hub": str(hub())}
        return {"words": self.lab.backend.enter(request["node"])}

    def do_restart(self, request):
        name = request["node"]
        self.known(name)
        code = self.lab.stop_node(name)
        self.lab.start_node(name)
        self.lab.until_ready()
        return {"node": name, "exit": code}

    def do_capture(self, request):
        backend = self.lab.backend
        if request["what"] == "start":
            backend.capture_start()
        elif request["what"] == "stop":
            backend.capture_stop()
        return backend.capture_status()

    def end(self):
        codes = self.lab.stop()
        codes = {name: codes.get(name) for name in self.lab.names()}
        (self.lab.path / "exit.json").write_text(json.dumps(codes, indent=1) + "\n")
        return codes

    def answer(self, connection):
        connection.settimeout(10)
        try:
            request = json.loads(connection.makefile("rb").readline(65536))
            try:
                reply = getattr(self, f"do_{request['do']}")(request)
            except Stop as e:
                reply = {"error": str(e), "code": e.code}
            except LabError as e:
                reply = {"error": str(e), "code": REFUSED}
            except (RuntimeError, TimeoutError, KeyhopError, OSError) as e:
                reply = {"error": str(e), "code": FAILED}
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except (OSError, ValueError, KeyError, AttributeError):
            traceback.print_exc()

    def serve(self):
        while not self.over:
            if not select.select([self.listener], [], [], None)[0]:
                continue
            connection, _ = self.listener.accept()
            with connection:
                self.answer(connection)
        self.listener.close()
        for path in {self.lab.path / "lab.ctl", self.lab.short_path("lab.ctl")}:
            path.unlink(missing_ok=True)


def keep(lab, tell):
    """The keeper's life: start, say so, serve, end. `tell(text)` goes to the terminal of `up`."""
    keeper = Keeper(lab)

    def on_signal(number, frame):
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        lab.start()
        tell(json.dumps(keeper.do_status({})))
    except BaseException as e:
        text = str(e) or type(e).__name__
        if not isinstance(e, (LabError, SystemExit)):
            traceback.print_exc()
            text += "".join(f"\n--- {n}\n{lab.tail(n, 5)}" for n in lab.names() if (lab.path / f"{n}.log").exists())
        try:
            keeper.end()
        except Exception:
            traceback.print_exc()
        (lab.path / "lab.ctl").unlink(missing_ok=True)
        tell(json.dumps({"error": text, "code": REFUSED if isinstance(e, LabError) else FAILED}))
        return
    try:
        keeper.serve()
    finally:
        if not keeper.over:
            keeper.end()


def fork_keeper(lab):
    """Starts the keeper; its first words (the status of a lab that is ready, or an error)."""
    reader, writer = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.setsid()
        os.close(reader)
        with open(lab.path / "lab.log", "ab", 0) as log, open(os.devnull, "rb") as null:
            os.dup2(null.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        (lab.path / "lab.pid").write_text(f"{os.getpid()}\n")
        os.set_inheritable(writer, False)
        words = os.fdopen(writer, "w")

        def tell(text):
            words.write(text + "\n")
            words.close()

        try:
            keep(lab, tell)
        finally:
            (lab.path / "lab.pid").unlink(missing_ok=True)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as words:
        try:
            return json.loads(words.read() or '{"error": "the keeper ended; see lab.log", "code": 1}')
        except KeyboardInterrupt:
            os.kill(keeper, signal.SIGTERM)
            os.waitpid(keeper, 0)
            return {"error": "interrupted; all is ended again", "code": FAILED}


# The actions.
def folder(a):
    return Path(a.out or os.environ.get("KEYHOP_RUN") or "run").absolute()


def state_of(path):
    try:
        return json.loads((path / "lab.json").read_text())
    except (OSError, ValueError):
        raise Stop(UNREACHABLE, f"no lab in {path}") from None


def ask(a, do, timeout=120, **params):
    """Asks the keeper."""
    path = folder(a)
    state = state_of(path)
    if a.topology and state["topology"]["name"] != json.loads(Path(a.topology).read_text())["name"]:
        raise Stop(USAGE, f"{path} is a lab of topology \"{state['topology']['name']}\"")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(timeout)
        try:
            s.connect(os.path.realpath(path / "lab.ctl"))
        except OSError:
            raise Stop(UNREACHABLE, f"the lab in {path} is not up") from None
        s.sendall(json.dumps({"do": do} | params).encode() + b"\n")
        reply = json.loads(s.makefile("rb").readline() or b'{"error": "the keeper ended", "code": 3}')
    if "error" in reply:
        raise Stop(reply["code"], reply["error"])
    return reply


def show(a, reply, text):
    print(json.dumps(reply, indent=1) if a.json else text)


def status_text(s):
    width = max(len(n["node"]) for n in s["nodes"])
    lines = [f"{n['node']:{width}}  {n['role']:4} {n['address']:15} {n['state']}"
             + (f" with {n['exit']}" if n["exit"] is not None else "") for n in s["nodes"]]
    lines += [f"partition {x} | {y}" for x, y in s["partitions"]] + [f"NOTE {note}" for note in s["notes"]]
    return "\n".join(lines + [f"{s['topology']} on {s['backend']}, {s['transport']}, {s['security']}: "
                              f"{'ready' if s['ready'] else 'not ready'}"])


def build_of(a):
    return os.environ.get("KEYHOP_BUILD") or Path(a.tool).parent.parent


def up(a):
    path = folder(a)
    topology = json.loads(Path(a.topology).read_text())
    problem = fresh(path)
    if problem:
        raise Stop(FAILED, problem + (": keyhop lab down" if "still run" in problem else ""))
    backend = a.backend or "loopback"
    try:
        lab = Lab(path, build=build_of(a), topology=topology, backend=backend)
    except LabError as e:
        raise Stop(REFUSED, str(e)) from None
    (path / "lab.json").write_text(json.dumps({"topology": topology, "backend": backend}) + "\n")
    if not a.json:
        slow = ": the first start unpacks a kernel and makes an image" if backend == "vm" else ""
        print(f"starting {len(topology['nodes'])} nodes on {backend}{slow} ...", file=sys.stderr, flush=True)
    reply = fork_keeper(lab)
    if "error" in reply:
        raise Stop(reply["code"], reply["error"])
    show(a, reply, f"{status_text(reply)}\nin {path}"
         + ("" if path == Path("run").absolute() else f": export KEYHOP_RUN={path}"))
    return DONE


def seed(a):
    """Nothing is started: files for cloud-init, for images of people's own."""
    from lab_seed import write

    if len(a.words) != 1:
        raise Stop(USAGE, "keyhop lab seed URL-OF-PROGRAMS.tar.gz -t FILE")
    path = folder(a)
    problem = fresh(path)
    if problem:
        raise Stop(FAILED, problem)
    lab = Lab(path, build=build_of(a), topology=json.loads(Path(a.topology).read_text()), backend="vm")
    lab.write_files()
    made = write(lab, a.words[0])
    show(a, made, "\n".join(f"{n:10} {m['address']:15} {m['mac']}  {m['seed']}" for n, m in made.items()))
    return DONE


def down_without_keeper(path):
    """The keeper is gone: what it left is ended by the control sockets, then by the pids."""
    ended = 0
    for pid_file in sorted(path.glob("*.pid")):
        if not still_runs(pid_file):
            pid_file.unlink()
            continue
        pid = int(pid_file.read_text())
        gone = os.pidfd_open(pid)
        try:
            with Node(path / f"{pid_file.stem}.sock") as node:
                node.call("shutdown")
        except (OSError, KeyhopError, TimeoutError):
            os.kill(pid, signal.SIGTERM)
        if not select.select([gone], [], [], 10)[0]:
            os.kill(pid, signal.SIGKILL)
        os.close(gone)
        pid_file.unlink(missing_ok=True)
        ended += 1
    return ended


def down(a):
    path = folder(a)
    state_of(path)
    try:
        codes = ask(a, "down", timeout=180)["exit"]
    except Stop as e:
        if e.code != UNREACHABLE or not any(path.glob("*.pid")):
            raise
        ended = down_without_keeper(path)
        show(a, {"ended": ended}, f"the keeper was gone; {ended} nodes ended")
        return DONE
    bad = {name: code for name, code in codes.items() if code != 0}
    show(a, {"exit": codes}, "\n".join([f"{n} ended with {c}" for n, c in bad.items()]
                                       + [f"{len(codes)} nodes ended, {len(bad)} badly"]))
    return FAILED if bad else DONE


def status(a):
    reply = ask(a, "status")
    show(a, reply, status_text(reply))
    return DONE if reply["ready"] else FAILED


def exec_(a):
    words = a.words[1:]
    if words and words[0] == "--":
        words = words[1:]
    if not a.words or not words:
        raise Stop(USAGE, "keyhop lab exec NODE -- COMMAND...")
    reply = ask(a, "enter", node=a.words[0])
    sys.stdout.flush()
    if "hub" in reply:
        from lab_vm import run_in_guest

        return run_in_guest(reply["hub"], a.words[0], words)
    environment = os.environ | {"KEYHOP_RUN": str(folder(a)), "KEYHOP_NODE": a.words[0]}
    try:
        return subprocess.run([*reply["words"], *words], env=environment).returncode
    except OSError as e:
        raise Stop(FAILED, f"{words[0]}: {e.strerror}") from None


def logs(a):
    p = argparse.ArgumentParser(prog="keyhop lab logs")
    p.add_argument("nodes", nargs="*")
    p.add_argument("--lines", type=int, default=20)
    wanted = p.parse_args(a.words)
    path = folder(a)
    names = [n["name"] for n in state_of(path)["topology"]["nodes"]]
    for name in wanted.nodes:
        if name not in names:
            raise Stop(NOT_FOUND, f"no node \"{name}\" in this lab: {' '.join(names)}")
    out = {}
    for name in wanted.nodes or names:
        file = path / f"{name}.log"
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        out[name] = lines[-wanted.lines:]
    show(a, out, "\n".join(f"--- {n}\n" + "\n".join(lines) for n, lines in out.items()))
    return DONE


def two_nodes(a, both):
    if len(a.words) != 2 and (both or a.words):
        raise Stop(USAGE, f"keyhop lab {a.action} {'NODE NODE' if both else '[NODE NODE]'}")
    return a.words


def cuts_text(reply):
    return "\n".join(f"partition {x} | {y}" for x, y in reply["partitions"]) or "no partitions"


def partition(a):
    reply = ask(a, "partition", between=two_nodes(a, True))
    show(a, reply, cuts_text(reply))
    return DONE


def heal(a):
    reply = ask(a, "heal", between=two_nodes(a, False))
    show(a, reply, cuts_text(reply))
    return DONE


def capture(a):
    what = a.words[0] if a.words else "status"
    if what not in ("start", "stop", "status") or len(a.words) > 1:
        raise Stop(USAGE, "keyhop lab capture [start|stop|status]")
    reply = ask(a, "capture", what=what)
    show(a, reply, f"{'running' if reply['running'] else 'not running'}: {reply['file']}")
    return DONE


def restart(a):
    if len(a.words) != 1:
        raise Stop(USAGE, "keyhop lab restart NODE")
    reply = ask(a, "restart", node=a.words[0])
    show(a, reply, f"{reply['node']} ended with {reply['exit']} and is ready again")
    return DONE


ACTIONS = {"up": up, "down": down, "status": status, "exec": exec_, "logs": logs, "capture": capture,
           "partition": partition, "heal": heal, "restart": restart, "seed": seed}


def main():
    p = argparse.ArgumentParser(prog="keyhop lab")
    p.add_argument("--tool", required=True)
    p.add_argument("--topology")
    p.add_argument("--file")
    p.add_argument("--backend", choices=BACKENDS)
    p.add_argument("--out")
    p.add_argument("--json", action="store_true")
    p.add_argument("action", choices=ACTIONS)
    p.add_argument("words", nargs=argparse.REMAINDER)
    a = p.parse_args()
    if a.words and a.action in ("up", "down", "status"):
        p.error(f"{a.action}: what is {a.words[0]}?")
    try:
        return ACTIONS[a.action](a)
    except Stop as e:
        print(f"keyhop: {e}", file=sys.stderr)
        return e.code


if __name__ == "__main__":
    sys.exit(main())
