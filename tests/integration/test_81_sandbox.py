"""What the daemons give up before they serve, and what a service manager hears of them."""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from labtest import LabTest, Node

from keyhop import wait_until

SECCOMP_FILTER = "2"
LANDLOCK_CREATE_RULESET, VERSION = 444, 1


def landlock_abi():
    """Of this kernel; below 1: it has none."""
    return ctypes.CDLL(None, use_errno=True).syscall(LANDLOCK_CREATE_RULESET, None, 0, VERSION)


def of_process(pid, field):
    return re.search(rf"^{field}:\s+(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M)[1]


class Sandbox(LabTest):
    def setUp(self):
        if landlock_abi() < 1:
            self.skipTest("this kernel has no Landlock")

    def required(self, **options):
        """A lab that does not start without the whole sandbox."""
        lab = self.lab(enbs=2, ues=2, start=False, **options)
        for name in lab.names():
            lab.extra[name] = lab.extra.get(name, "") + "sandbox: require\n"
        return lab.start()

    def test_all_daemons_serve_inside(self):
        lab = self.required()
        for name in lab.names():
            pid = lab.process[name].pid
            self.assertEqual(of_process(pid, "Seccomp"), SECCOMP_FILTER, name)
            self.assertEqual(of_process(pid, "NoNewPrivs"), "1", name)
            self.assertRegex(lab.node(name).call("status")["sandbox"], r"seccomp, Landlock \(ABI \d+\)")
            self.assertRegex((lab.path / f"{name}.log").read_text(), r"sandbox: no new privileges, seccomp, Landlock")
        lab.attach_all()
        for target in ("enb2", "enb1", "enb2"):
            source = "enb1" if target == "enb2" else "enb2"
            reply = lab.node(source).call("handover.start", ue=lab.imsis[0], target=target, wait=True)
            self.assertEqual(reply["outcome"], "completed")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")
        # What opens files while all that goes on: the store, descriptors of /proc, a reload.
        for name in lab.names():
            self.assertGreater(lab.node(name).call("status")["fds"], 3)
            self.assertEqual(lab.node(name).call("config.reload")["outcome"], "completed")

    def test_the_sockets_are_removed_at_the_end(self):
        lab = self.lab(enbs=1, start=False, mme={"sandbox": "require"})
        (lab.path / "viewers").mkdir()
        lab.topology["options"] = [{"node": "mme", "option": "control.viewer_socket", "value": "viewers/mme"}]
        lab.prepare()
        lab.start_node("mme")
        lab.node("mme").call("status")
        with Node(lab.path / "viewers/mme") as viewer:
            self.assertIn("Landlock", viewer.call("status")["sandbox"])
            self.named("READ_ONLY", viewer.call, "shutdown")
        lab.stop_node("mme")
        self.assertEqual(list((lab.path / "viewers").iterdir()), [])
        self.assertFalse(lab.socket_path("mme").exists())

    def test_captures_stay_in_their_folder(self):
        lab = self.required(extra={"enb2": "capture_dir: captures\n"}, mme={})
        enb1 = lab.node("enb1")
        outside = Path("/etc") / f"keyhop-{os.getpid()}.pcapng"
        self.named("SANDBOXED", enb1.call, "capture.start", file=str(outside))
        self.assertFalse(outside.exists())
        self.named("SANDBOXED", enb1.call, "capture.start", file="../escaped.pcapng")
        self.assertEqual(enb1.call("capture.start", file="one.pcapng", max_size=1, files=2)["file"],
                         str(lab.path / "one.pcapng"))
        lab.attach_all()
        enb1.call("capture.stop")
        self.assertTrue((lab.path / "one.pcapng.1").exists(), "no rotation")

    def test_captures_in_a_folder_of_their_own(self):
        lab = self.lab(enbs=2, start=False, extra={"enb2": "capture_dir: captures\n"})
        lab.prepare()
        (lab.path / "captures").mkdir()
        lab.start_node("enb2")
        enb2 = lab.node("enb2")
        self.assertEqual(enb2.call("capture.start", file="two.pcapng")["file"], str(lab.path / "captures/two.pcapng"))
        enb2.call("capture.stop")
        # The folder of the configuration may only be read now.
        self.named("SANDBOXED", enb2.call, "capture.start", file=str(lab.path / "three.pcapng"))

    def test_links_are_followed(self):
        """As with a folder of certificates that others renew: the configuration has links into it."""
        lab = self.lab(enbs=1, start=False, mme={"sandbox": "require"})
        lab.prepare()
        elsewhere = Path(tempfile.mkdtemp(prefix="kh"))
        self.addCleanup(shutil.rmtree, elsewhere)
        for name in ("mme.key", "mme.pem"):
            shutil.move(lab.path / name, elsewhere / name)
            (lab.path / name).symlink_to(elsewhere / name)
        lab.start_node("mme")
        for name in ("mme.key", "mme.pem"):
            (elsewhere / "new").write_bytes((elsewhere / name).read_bytes())
            (elsewhere / "new").chmod(0o600)
            (elsewhere / "new").rename(elsewhere / name)
        self.assertEqual(lab.node("mme").call("config.reload")["outcome"], "completed")

    def test_off_is_off(self):
        lab = self.lab(enbs=1, start=False, mme={"sandbox": "off"})
        lab.prepare()
        lab.start_node("mme")
        self.assertEqual(lab.node("mme").call("status")["sandbox"], "off")
        self.assertEqual(of_process(lab.process["mme"].pid, "Seccomp"), "0")


class User(LabTest):
    """user: NAME of a daemon that root starts."""

    def config(self, lab, more):
        path = lab.path / "mme.yaml"
        path.write_text(lab.config("mme") + more)
        return path

    def prepared(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        lab = self.lab(enbs=1, start=False)
        lab.prepare()
        return lab

    def test_root_is_gone(self):
        lab = self.prepared()
        nobody = pwd.getpwnam("nobody")
        self.config(lab, "user: nobody\n")
        for path in [lab.path, *lab.path.iterdir()]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        mask = os.umask(0)  # the socket of the test's service manager is root's
        lab.start_node("mme")
        os.umask(mask)
        lab.node("mme").call("status")
        pid = lab.process["mme"].pid
        for field, want in (("Uid", nobody.pw_uid), ("Gid", nobody.pw_gid)):
            self.assertEqual(set(of_process(pid, field).split()), {str(want)})
        self.assertEqual(of_process(pid, "CapEff"), "0" * 16)
        self.assertEqual(of_process(pid, "Groups").split(), [str(nobody.pw_gid)])
        self.assertEqual((lab.path / "mme.db").stat().st_uid, nobody.pw_uid)

    def test_refusals(self):
        lab = self.prepared()
        for user, word in (("no-such-user-here", "no such user"), ("root", "is root again")):
            path = self.config(lab, f"user: {user}\n")
            run = subprocess.run([str(lab.binary("mme")), "-c", str(path), "--check"], capture_output=True, text=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(word, run.stderr)


class ServiceManager(LabTest):
    """The test plays the service manager."""

    def listen(self, folder):
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(heard.close)
        heard.bind(str(folder / "notify"))
        heard.settimeout(20)
        return heard

    def spawn(self, lab, name, heard, **env):
        command = [str(lab.binary(name)), "-c", str(lab.path / f"{name}.yaml")]
        with open(lab.path / f"{name}.stderr", "ab") as err:
            process = subprocess.Popen(command, stderr=err,
                                       env=os.environ | {"NOTIFY_SOCKET": heard.getsockname()} | env)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)
        return process

    def until(self, heard, want, tries=200):
        """All messages up to one that matches."""
        said = []
        for _ in range(tries):
            said.append(heard.recv(4096).decode())
            if re.search(want, said[-1], re.M):
                return said
        self.fail(f"no {want} in {said}")

    def test_ready_watchdog_status_and_the_end(self):
        lab = self.lab(enbs=1, start=False)
        lab.prepare()
        heard = self.listen(lab.path)
        process = self.spawn(lab, "mme", heard, WATCHDOG_USEC="300000")
        self.assertEqual(heard.recv(4096), b"READY=1")
        said = self.until(heard, r"^STATUS=")
        self.assertEqual(said[-1], "STATUS=0 eNodeBs, 0 UEs")
        # Keep-alives come by themselves; a status only when it is another one.
        self.assertEqual(set(self.until(heard, "WATCHDOG=1")), {"WATCHDOG=1"})
        lab.start_node("enb1")
        self.assertIn("STATUS=1 eNodeBs, 0 UEs", self.until(heard, "^STATUS=1 "))
        process.send_signal(signal.SIGSTOP)
        while True:  # what was under way
            heard.settimeout(2)
            try:
                heard.recv(4096)
            except TimeoutError:
                break
        process.send_signal(signal.SIGCONT)
        heard.settimeout(20)
        self.until(heard, "WATCHDOG=1")
        process.terminate()
        self.until(heard, "STOPPING=1")
        self.assertEqual(process.wait(20), 0)

    def test_nobody_wants_keep_alives(self):
        lab = self.lab(enbs=1, start=False)
        lab.prepare()
        heard = self.listen(lab.path)
        process = self.spawn(lab, "mme", heard, WATCHDOG_USEC="300000", WATCHDOG_PID="1")
        process_status = self.until(heard, "^STATUS=")
        process.terminate()
        self.assertNotIn("WATCHDOG=1", process_status + self.until(heard, "STOPPING=1"))
        process.wait(20)

    def test_credentials(self):
        lab = self.lab(enbs=1, ues=1, start=False)
        lab.prepare()
        credentials = lab.path / "credentials"
        credentials.mkdir(mode=0o700)
        shutil.move(lab.path / "mme.key", credentials / "tls.key")
        shutil.move(lab.path / "subscribers.csv", credentials / "subscribers")
        # As the service manager leaves them: an access list shows as rights of the group.
        for path in credentials.iterdir():
            path.chmod(0o440)
        text = (lab.path / "mme.yaml").read_text()
        text = text.replace(" mme.key,", " credential:tls.key,").replace("subscribers.csv", "credential:subscribers")
        self.assertEqual(text.count("credential:"), 2, text)
        (lab.path / "mme.yaml").write_text(text)
        heard = self.listen(lab.path)
        process = self.spawn(lab, "mme", heard, CREDENTIALS_DIRECTORY=str(credentials))
        self.until(heard, "READY=1")
        lab.start_node("enb1")
        lab.node("enb1").subscribe(topics=["tunnel.", "enb."])
        wait_until([lab.node("enb1")], lambda: lab.node("enb1").call("status")["s1_up"], 20, "S1 is up")
        process.terminate()
        self.assertEqual(process.wait(20), 0)
        check = subprocess.run([str(lab.binary("mme")), "-c", str(lab.path / "mme.yaml"), "--check"],
                               capture_output=True, text=True)
        self.assertEqual(check.returncode, 2)
        self.assertIn("credential:NAME", check.stderr)


if __name__ == "__main__":
    unittest.main()
