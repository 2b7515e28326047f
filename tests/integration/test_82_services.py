"""Units, example configurations, and what `meson install` leaves and `ninja uninstall` takes away."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from labtest import ROOT

BUILD = Path(os.environ.get("KEYHOP_BUILD") or ROOT / "build")
UNITS = {"mmed.service": "mmed", "enbd@.service": "enbd", "ued@.service": "ued"}
INSTANCE = {"mmed.service": "mme", "enbd@.service": "enb1", "ued@.service": "ue"}
EXPOSURE_MAX = 20  # tenths, as --threshold wants them


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)

    def good(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Units(Folder):
    def setUp(self):
        super().setUp()
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze (scripts/install-deps --services)")
        # As installed, but with the programs where they are now.
        for name, daemon in UNITS.items():
            text = (BUILD / "scripts/systemd" / name).read_text()
            text = re.sub(rf"=\S+/{daemon} ", f"={BUILD}/{daemon}/{daemon} ", text)
            text = re.sub(r"=\S+/keyhop ", f"={BUILD}/ctl/keyhop ", text)
            (self.path / name).write_text(text)
        shutil.copy(ROOT / "scripts/systemd/keyhop.target", self.path)

    def test_they_are_understood(self):
        done = run("systemd-analyze", "verify", "--man=no", *self.path.iterdir())
        said = [line for line in (done.stdout + done.stderr).splitlines() if str(self.path) in line or "keyhop" in line]
        self.assertEqual((done.returncode, said), (0, []))

    def test_exposure(self):
        for name in UNITS:
            done = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager",
                       self.path / name)
            self.assertIn("Overall exposure level", done.stdout + done.stderr)
            self.good(done)

    def test_every_instance_has_folders_of_its_own(self):
        for name, instance in INSTANCE.items():
            text = (self.path / name).read_text()
            who = "%i" if "@" in name else instance
            for option in ("RuntimeDirectory", "StateDirectory"):
                self.assertIn(f"\n{option}=keyhop/{who}\n", text)


class Examples(Folder):
    """conf/services: what stands in a unit stands in the configuration."""

    def test_they_are_good(self):
        pki = self.path / "pki"
        self.good(run(ROOT / "scripts/pki", pki, "ca"))
        self.good(run(ROOT / "scripts/pki", pki, "mme", "mme"))
        self.good(run(ROOT / "scripts/pki", pki, "enb", "enb1", "00101", "1"))
        self.good(run(ROOT / "scripts/pki", pki, "enb", "enb2", "00101", "2"))
        credentials = self.path / "credentials"
        credentials.mkdir()
        for name, daemon in (("mme", "mmed"), ("enb1", "enbd"), ("enb2", "enbd"), ("ue", "ued")):
            shutil.copy(ROOT / f"conf/services/{name}.yaml", self.path)
            if name != "ue":
                shutil.copy(pki / f"{name}.key", credentials / "tls.key")
            shutil.copy(ROOT / "conf/subscribers.csv", credentials / "subscribers")
            (credentials / "subscribers").chmod(0o600)
            unit = next(n for n, d in UNITS.items() if d == daemon)
            text = (ROOT / "scripts/systemd" / f"{unit}.in").read_text()
            asked = set(re.findall(r"credential:([\w.]+)", (self.path / f"{name}.yaml").read_text()))
            self.assertEqual(asked, set(re.findall(r"LoadCredential=([\w.]+):", text)), name)
            self.good(run(BUILD / daemon / daemon, "-c", self.path / f"{name}.yaml", "--check",
                          env=os.environ | {"CREDENTIALS_DIRECTORY": str(credentials)}))


class Install(Folder):
    """By hand, to a prefix below DESTDIR."""

    def test_install_demo_uninstall(self):
        env = os.environ | {"DESTDIR": str(self.path / "root")}
        self.good(run("meson", "install", "-C", BUILD, "--no-rebuild", env=env))
        tool = next((self.path / "root").rglob("bin/keyhop"))
        prefix = tool.parent.parent
        for file in ("sbin/mmed", "lib/systemd/system/enbd@.service", "lib/sysusers.d/keyhop.conf",
                     "lib/tmpfiles.d/keyhop.conf", "libexec/keyhop/demo.py", "share/man/man8/mmed.8",
                     "share/bash-completion/completions/keyhop", "share/zsh/site-functions/_keyhop",
                     "share/fish/vendor_completions.d/keyhop.fish", "share/keyhop/services/mme.yaml", "share/keyhop/topologies/4-nodes.yaml"):
            self.assertTrue((prefix / file).exists(), file)
        self.assertTrue(list((self.path / "root").rglob("wireshark/protobuf/keyhop/s1.proto")))
        # The source and the build play no part in what follows.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("KEYHOP", "PYTHON"))}
        work = self.path / "work"
        work.mkdir()
        demo = run(tool, "demo", "--enbs", "2", "--moves", "1", cwd=work, env=env)
        self.assertIn("OK  1 of 1 handovers, 0 fingerprint mismatches", self.good(demo))
        self.good(run(tool, "lab", "up", "-t", prefix / "share/keyhop/topologies/2-enbs.yaml", "--out", "lab",
                      cwd=work, env=env))
        self.addCleanup(lambda: tool.exists() and run(tool, "lab", "down", "--out", "lab", cwd=work, env=env))
        self.good(run(tool, "run", prefix / "share/keyhop/scenarios/ping-pong.yaml", "--run", "lab", "--moves", "2",
                      cwd=work, env=env))
        self.good(run(tool, "lab", "down", "--out", "lab", cwd=work, env=env))
        self.good(run("ninja", "-C", BUILD, "uninstall"))
        left = [str(p) for p in (self.path / "root").rglob("*") if not p.is_dir() or not any(p.iterdir())]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
