"""A command in a guest whose kernel has SCTP, netem, bridges and nftables, whatever the kernel of this machine has: a
process of the user-mode Linux that Debian packages. No privileges; inside, the command is root.

The guest sees the host's file system read-only, with /tmp and /run of its own; one folder, by default the current
one, is writable, and what the command leaves there is on the host. The guest has no network but what the command makes.

usage: scripts/uml [--bound SECONDS] [--memory SIZE] [--writable DIR] COMMAND..."""

import argparse
import os
import platform
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = ("LANG", "LC_ALL", "TERM", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
OWN = ("/tmp", "/run", "/dev", "/proc", "/sys")  # folders that a guest has of its own
BOOT_S = 60  # on a loaded machine; idle, it is 3
UNAVAILABLE = 77  # exit code of a test that is skipped, for automake and meson


class Unavailable(Exception):
    """A guest cannot start here; the text says why."""


class Overdue(Exception):
    """The command did not end in time, and the guest was ended."""


def find_kernel():
    if platform.machine() != "x86_64":
        raise Unavailable(f"user-mode Linux wants x86_64, this is {platform.machine()}")
    missing = [f"{tool} ({package})" for tool, package in (
        ("linux.uml", "user-mode-linux"), ("ip", "iproute2"),
        ("insmod" if find("insmod") else "busybox", "busybox-static")) if not find(tool)]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    return find("linux.uml")


def find(tool):
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Guest:
    """One guest that runs one command. Its standard output and error come to `out` and `err`, files with fileno()."""

    def __init__(self, command, writable=None, memory="256M", bound=600, environment=None):
        self.command = [str(word) for word in command]
        self.writable = Path(writable or os.getcwd()).resolve()
        self.memory = memory
        self.bound = bound
        self.environment = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith("KEYHOP_")}
        self.environment |= environment or {}
        self.process = None

    # What init finds in the exchange folder.
    def mounts(self):
        """Shell: the writable folder, and folders that would be hidden by the guest's own /tmp."""
        build = self.environment.get("KEYHOP_BUILD")
        seen = [ROOT, Path(os.getcwd()), *([Path(build)] if build else [])]
        lines = [f'[ -d {shlex.quote(str(p))} ] || {{ mkdir -p {shlex.quote(str(p))}; {mount(p, "ro,")}; }}'
                 for p in seen if str(p).startswith(OWN)]
        lines += [f"mkdir -p {shlex.quote(str(self.writable))}"] if str(self.writable).startswith(OWN) else []
        return "\n".join([*lines, mount(self.writable)]) + "\n"

    def job(self):
        lines = [f"export {k}={shlex.quote(v)}" for k, v in self.environment.items()]
        lines += [f"cd {shlex.quote(os.getcwd())} || exit 126", "exec " + shlex.join(self.command)]
        return "\n".join(lines) + "\n"

    def write_exchange(self):
        files = {"mounts": self.mounts(), "job": self.job(), "bound": f"{int(self.bound)}\n",
                 "init": (HERE / "uml_init").read_text().replace("@exchange@", str(self.exchange))}
        for name, text in files.items():
            (self.exchange / name).write_text(text)
        (self.exchange / "init").chmod(0o755)

    def start(self, kernel):
        out, out_w = os.pipe()
        err, err_w = os.pipe()
        arguments = [f"mem={self.memory}", "rootfstype=hostfs", "rootflags=/", "ro", f"init={self.exchange}/init",
                     "con=null", "con0=null,fd:2", f"ssl0=null,fd:{out_w}", f"ssl1=null,fd:{err_w}", "quiet",
                     f"uml_dir={self.exchange}", "umid=guest"]
        with open(self.exchange / "console", "wb") as console:
            self.process = subprocess.Popen([kernel, *arguments], stdin=subprocess.DEVNULL, stdout=console,
                                            stderr=console, pass_fds=(out_w, err_w), start_new_session=True)
        os.close(out_w)
        os.close(err_w)
        return {out: 1, err: 2}

    # Its life.
    def pump(self, pipes, write):
        """Passes on what the command says until the guest ends, by itself or by init's bound. Overdue, Unavailable."""
        ended = os.pidfd_open(self.process.pid)
        began = time.monotonic()
        try:
            while True:
                started = self.wrote("started")
                left = began + BOOT_S + started * self.bound - time.monotonic()
                ready = select.select([*pipes, ended], [], [], max(left, 0))[0]
                for fd in [fd for fd in ready if fd != ended]:
                    data = os.read(fd, 65536)
                    if data:
                        write(pipes[fd], data)
                    else:
                        os.close(fd)
                        del pipes[fd]
                if ready == [ended]:
                    return
                if not ready and self.wrote("started") == started:
                    self.overdue(started)
        finally:
            os.close(ended)
            for fd in pipes:
                os.close(fd)

    def overdue(self, started):
        if not started:
            raise Unavailable(f"the guest does not start in {BOOT_S} s: {self.last_words()}")
        raise Overdue(f"{self.command[0]} did not end in {self.bound:g} s")

    def wrote(self, name):
        return (self.exchange / name).exists()

    def last_words(self):
        lines = (self.exchange / "console").read_text(errors="replace").split("\n")
        return " | ".join(line.strip() for line in lines[-6:] if line.strip())

    def end(self):
        """The guest's processes are a session of their own."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def run(self, write):
        """Runs the command; write(1 or 2, data) gets what it says. Its exit code."""
        kernel = find_kernel()
        with tempfile.TemporaryDirectory(prefix="khuml", ignore_cleanup_errors=True) as exchange:
            self.exchange = Path(exchange)
            self.write_exchange()
            try:
                self.pump(self.start(kernel), write)
            finally:
                self.end()
            if not self.wrote("started"):
                raise Unavailable(f"the guest does not start: {self.last_words()}")
            if self.wrote("overdue"):
                self.overdue(True)
            if not self.wrote("exit"):
                raise Overdue(f"the guest ended early: {self.last_words()}")
            return int((self.exchange / "exit").read_text())


def mount(path, options=""):
    if "," in str(path):
        raise Unavailable(f"no comma may be in the name of a folder for a guest: {path}")
    return f"mount -t hostfs -o {shlex.quote(options + str(path))} none {shlex.quote(str(path))}"


def write_through(fd, data):
    stream = (sys.stdout if fd == 1 else sys.stderr).buffer
    stream.write(data)
    stream.flush()


def main():
    p = argparse.ArgumentParser(prog="scripts/uml", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    p.add_argument("--bound", type=float, default=3600, metavar="SECONDS", help="of its life (default: an hour)")
    p.add_argument("--memory", default="256M", metavar="SIZE")
    p.add_argument("--writable", metavar="DIR", help="a folder to write to (default: the current one)")
    p.add_argument("command", nargs=argparse.REMAINDER)
    a = p.parse_args()
    command = a.command[1:] if a.command[:1] == ["--"] else a.command
    if not command:
        p.error("what shall run in the guest?")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return Guest(command, a.writable, a.memory, a.bound).run(write_through)
    except Unavailable as e:
        print(f"scripts/uml: {e}", file=sys.stderr)
        return UNAVAILABLE
    except Overdue as e:
        print(f"scripts/uml: {e}", file=sys.stderr)
        return 124
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
