"""The tool in real shells, and over real ssh."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from labtest import LabTest

BUILD = Path(os.environ["KEYHOP_BUILD"])
KEYHOP = BUILD / "ctl" / "keyhop"


def needs(program, package):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed (Debian: {package})")


class Completion(LabTest):
    """Each shell loads the script and is asked what it would offer."""

    def start(self):
        lab = self.lab(enbs=2, ues=2)
        lab.attach_all()
        self.path = lab.path
        self.environment = os.environ | {"KEYHOP_RUN": str(lab.path), "PATH": f"{KEYHOP.parent}:{os.environ['PATH']}",
                                         "HOME": str(lab.path), "TERM": "dumb"}
        return lab

    def offers(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=self.environment, cwd=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return set(done.stdout.split())

    def check(self, ask):
        lab = self.start()
        self.assertLessEqual({"mme", "enb1", "enb2", "ue", "run", "watch"}, ask("keyhop "))
        self.assertEqual({"enb1", "enb2"}, ask("keyhop enb"))
        self.assertIn("start", ask("keyhop enb1 handover "))
        self.assertEqual(set(lab.imsis), ask("keyhop enb1 handover start --ue 00"))
        self.assertEqual({"enb1", "enb2"}, ask(f"keyhop enb1 handover start --ue {lab.imsis[0]} --target e"))
        self.assertEqual(set(lab.imsis), ask("keyhop wait ue 0"))
        self.assertEqual({"drop", "delay", "duplicate"}, ask("keyhop enb1 fault set --fault d"))
        self.assertEqual({"handover.completed", "handover.commanded", "handover.complete_sent"},
                         ask("keyhop watch --topic handover.com") - {"handover.confirmed"})
        self.assertEqual({"json"}, ask("keyhop enb1 -o j"))
        self.assertEqual({"ssh:"}, ask("keyhop --via s"))
        self.assertEqual({"ready"}, ask("keyhop wait enb1 "))
        # Files, where files are wanted; the shell's own words for them.
        self.assertLessEqual({"mme.yaml"}, ask("keyhop run mm"))
        self.assertLessEqual({"enb1.sock"}, ask("keyhop -s enb1."))
        self.assertFalse({"mme.yaml"} & ask("keyhop enb1 handover start --to mm"))

    @needs("bash", "bash")
    def test_bash(self):
        def ask(line):
            words = line.split(" ")
            array = " ".join(f"'{w}'" for w in words)
            return self.offers("bash", "--norc", "-c", 'eval "$(keyhop completion bash)"; '
                               f"COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _keyhop; "
                               'printf "%s\\n" "${COMPREPLY[@]}"')
        self.check(ask)

    @needs("fish", "fish")
    def test_fish(self):
        self.check(lambda line: self.offers("fish", "--no-config", "-c",
                                            f"keyhop completion fish | source; complete -C '{line}'"))

    @needs("zsh", "zsh")
    def test_zsh(self):
        # compadd -O fills an array with what fits the word being typed, instead of offering it.
        def ask(line):
            words = line.split(" ")
            array = " ".join(f"'{w}'" for w in words)
            return self.offers(
                "zsh", "-f", "-c", 'compdef() { }; _files() { print -rl -- ${words[CURRENT]}*(N); }; eval "$(keyhop completion zsh)"; '
                'compadd() { local w; for w in ${(P)2}; do [[ $w == ${words[CURRENT]}* ]] && print -r -- $w; done; '
                f"return 0; }}; words=({array}); CURRENT={len(words)}; _keyhop")
        self.check(ask)

    @needs("zsh", "zsh")
    def test_zsh_itself_takes_the_script(self):
        self.start()
        said = self.offers("zsh", "-f", "-c", 'autoload -U compinit && compinit -u -D && eval "$(keyhop completion zsh)" '
                           "&& print $_comps[keyhop]")
        self.assertEqual(said, {"_keyhop"})


@needs("ssh", "openssh-client")
@unittest.skipUnless(os.path.exists("/usr/sbin/sshd"), "sshd is not installed (Debian: openssh-server)")
class Ssh(LabTest):
    """A server of our own on loopback, with keys that live as long as the test."""

    def free_port(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def serve(self):
        folder = tempfile.TemporaryDirectory(prefix="khssh")
        self.addCleanup(folder.cleanup)
        self.keys = Path(folder.name)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.keys / name)], check=True)
        self.port = self.free_port()
        (self.keys / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.keys}/host\nPidFile none\nStrictModes no\n"
            f"AuthorizedKeysFile {self.keys}/user.pub\nUsePAM no\nPasswordAuthentication no\n")
        (self.keys / "ssh_config").write_text(
            f"Host lab2\n HostName 127.0.0.1\n Port {self.port}\nHost *\n User {pwd.getpwuid(os.getuid()).pw_name}\n"
            f" IdentityFile {self.keys}/user\n IdentitiesOnly yes\n UserKnownHostsFile {self.keys}/known\n"
            " StrictHostKeyChecking accept-new\n BatchMode yes\n LogLevel ERROR\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(self.keys / "sshd_config")],
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        for line in server.stderr:
            if "Server listening" in line:
                return
        self.skipTest("sshd does not start here")

    def environment(self):
        out = os.environ | {"KEYHOP_SSH": f"ssh -F {self.keys}/ssh_config"}
        out.pop("KEYHOP_RUN", None)
        return out

    def tool(self, *words, code=0):
        done = subprocess.run([str(KEYHOP), *map(str, words)], capture_output=True, text=True, timeout=120, cwd=self.keys,
                              env=self.environment())
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}{done.stderr}")
        self.assertEqual(self.left(), set(), "folders of forwarded sockets")
        return done.stdout if code == 0 else done.stderr

    def left(self):
        return set(Path("/tmp").glob("keyhop-via-*")) - self.before

    def setUp(self):
        self.before = set(Path("/tmp").glob("keyhop-via-*"))

    def test_nodes_of_another_machine(self):
        lab = self.lab(enbs=2, ues=1)
        self.serve()
        imsi, via = lab.imsis[0], f"ssh:lab2:{lab.path}"
        self.assertIn("enbd", self.tool("--via", via, "enb1", "status"))
        self.assertIn("mmed", self.tool("--via", f"ssh://127.0.0.1:{self.port}{lab.path}", "mme", "version"))
        self.tool("--via", via, "wait", "all", "ready")
        self.tool("--via", via, "ue", "attach", "--ue", imsi, "--cell", "enb1", "--wait")
        self.assertIn("completed", self.tool("--via", via, "enb1", "handover", "start", "--ue", imsi, "--to", "enb2", "--wait"))
        self.tool("--via", via, "wait", "ue", imsi, "at", "enb2")
        self.assertIn("UE_NOT_FOUND", self.tool("--via", via, "enb1", "ue", "show", "77", code=4))
        self.assertIn("enb2", self.tool("--via", via, "watch", "enb2", "--since", "0", "--count", "1"))
        spaced = self.keys / "it's *a* folder"
        spaced.symlink_to(lab.path)
        self.assertIn("enbd", self.tool("--via", f"ssh:lab2:{spaced}", "enb1", "status"))
        file = self.keys / "s.yaml"
        file.write_text("steps:\n  - {do: ready}\n  - {do: ping-pong, path: enb1 enb2, moves: 4}\n  - {do: ping}\n")
        self.assertIn("OK  4 handovers", self.tool("--via", via, "run", file))

    def test_what_cannot_be_reached(self):
        self.serve()
        self.assertIn("no control socket", self.tool("--via", f"ssh:lab2:{self.keys}", "enb1", "status", code=3))
        said = self.tool("--via", "ssh://127.0.0.1:1", "enb1", "status", code=3)
        self.assertIn("no ssh connection", said)
        self.assertIn("refused", said, "what ssh says is shown")
        said = self.tool("--via", f"ssh:lab2:{self.keys}/nowhere", "enb1", "status", code=3)
        self.assertIn("no control socket", said)
        (self.keys / "user.pub").unlink()
        self.assertIn("ermission denied", self.tool("enb1", "status", "--via", "ssh:lab2", code=3))
        for wrong in ("lab2", "ssh:", "ssh:-oProxyCommand=id", "ssh:" + "x" * 300):
            self.assertIn("--via wants", self.tool("--via", wrong, "enb1", "status", code=2))

    def test_it_tidies_up_when_it_is_ended(self):
        lab = self.lab(enbs=2, ues=1)
        self.serve()
        lab.attach_all()
        for sig in (signal.SIGTERM, signal.SIGHUP):
            p = subprocess.Popen([str(KEYHOP), "--via", f"ssh:lab2:{lab.path}", "watch", "--since", "0"],
                                 stdout=subprocess.PIPE, text=True, env=self.environment(), cwd=self.keys)
            self.assertIn("node=", p.stdout.readline())
            self.assertTrue(self.left())
            p.send_signal(sig)
            p.stdout.read()
            p.stdout.close()
            self.assertNotEqual(p.wait(30), 0)
            self.assertEqual(self.left(), set())


if __name__ == "__main__":
    unittest.main()
