"""The Debian packages on a clean Debian 12 root: made, installed, run as services under systemd, removed, purged. All of
it takes minutes and root, so it runs whole with scripts/test --long only."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from labtest import ROOT

PACKAGING = ROOT / "scripts/packaging"
MIRROR = "http://deb.debian.org/debian"
TESTS = ["demo", "installed", "services"]
OURS = "keyhop-mme keyhop-enb keyhop-ue keyhop-tools keyhop-wireshark keyhop-common"
# nspawn's own filter knows no Landlock yet.
CALLS = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
UNIT = """[Unit]
After=dbus.service
[Service]
Type=oneshot
ExecStart=-/bin/sh -c '/root/boot >/root/boot.log 2>&1; echo $? >/root/boot.rc'
ExecStart=systemctl poweroff --no-block
"""
# What dpkg, apt and the system itself change by running.
NOT_OURS = ("/var/log/", "/var/cache/", "/var/lib/dpkg/", "/var/lib/apt/", "/root/", "/tmp/", "/run/", "/proc/", "/sys/", "/dev/",
            "/var/lib/systemd/", "/etc/machine-id", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/var/tmp/",
            "/etc/ld.so.cache", "/etc/resolv.conf", "/etc/hostname", "/etc/.updated", "/var/.updated", "/etc/.pwd.lock",
            "/usr/lib/python3/", "/var/lib/private", "/etc/systemd/system/boot.service")


def why_not():
    if not os.environ.get("KEYHOP_LONG"):
        return "only in the long run (scripts/test --long)"
    if os.geteuid() != 0:
        return "a root of its own needs root"
    missing = [c for c in ("debootstrap", "dpkg-buildpackage", "lintian", "systemd-nspawn") if not shutil.which(c)]
    return f"no {' '.join(missing)} (scripts/install-deps --packaging)" if missing else None


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why_not():
            raise unittest.SkipTest(why_not())
        folder = tempfile.TemporaryDirectory(prefix="kh")
        cls.addClassCleanup(folder.cleanup)
        cls.path = Path(folder.name)
        cls.root = cls.path / "root"
        cls.run_or_fail(PACKAGING / "build", "--tree", "--no-check", cls.path / "debs")
        made = subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd-sysv,dbus,iproute2,ca-certificates",
                               "bookworm", str(cls.root), MIRROR], capture_output=True, text=True)
        if made.returncode:
            raise unittest.SkipTest(f"no clean root from {MIRROR}: {made.stdout[-300:]}")
        shutil.copy("/etc/resolv.conf", cls.root / "etc/resolv.conf")
        for deb in (cls.path / "debs").glob("*.deb"):
            if "dbgsym" not in deb.name:
                shutil.copy(deb, cls.root / "root")

    @classmethod
    def run_or_fail(cls, *command):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def inside(self, script):
        """In the root, without booting it."""
        return self.run_or_fail("systemd-nspawn", "-q", "-D", self.root, "--register=no", "--keep-unit", "--pipe",
                                "/bin/sh", "-euc", f"export DEBIAN_FRONTEND=noninteractive LC_ALL=C; {script}")

    def booted(self, script):
        """Under systemd, on a network of its own. What the script printed."""
        (self.root / "root/boot").write_text(f"#!/bin/sh\nset -eu\nexport DEBIAN_FRONTEND=noninteractive LC_ALL=C\n{script}")
        (self.root / "root/boot").chmod(0o755)
        (self.root / "etc/systemd/system/boot.service").write_text(UNIT)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "boot.service").unlink(missing_ok=True)
        (wants / "boot.service").symlink_to("../boot.service")
        (self.root / "root/boot.rc").unlink(missing_ok=True)
        boot = subprocess.run(["systemd-nspawn", "-q", "-D", str(self.root), "--register=no", "--keep-unit",
                               "--private-network", f"--system-call-filter={CALLS}", "-b"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400,
                              env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        (wants / "boot.service").unlink()
        code = self.root / "root/boot.rc"
        if not code.exists():
            self.skipTest(f"systemd does not run here: {boot.stdout[-500:]}{boot.stderr[-500:]}")
        text = (self.root / "root/boot.log").read_text()
        self.assertEqual(code.read_text().strip(), "0", text[-6000:])
        return text

    def files(self):
        """All files of the root that no other than keyhop's packages may have left."""
        out = set()
        for folder, folders, names in os.walk(self.root):
            for name in names + folders:
                path = "/" + str((Path(folder) / name).relative_to(self.root))
                if not f"{path}/".startswith(NOT_OURS) and not path.startswith(NOT_OURS):
                    out.add(path)
        return out

    def test_install_serve_remove_purge(self):
        # What the packages need comes first, so that all the rest is theirs.
        self.inside("apt-get update -qq; apt-get install -y -qq --no-install-recommends mandoc tshark >/dev/null;"
                    "apt-get install -y -qq --no-install-recommends --download-only /root/*.deb >/dev/null;"
                    "apt-get install -y -qq --no-install-recommends $(apt-get install -s --no-install-recommends /root/*.deb"
                    " | sed -n 's/^Inst \\([^ ]*\\) .*/\\1/p' | grep -v keyhop) >/dev/null")
        before = self.files()
        self.inside("apt-get install -y -qq --no-install-recommends /root/*.deb >/dev/null")
        self.inside("tshark -G protocols | grep -q keyhop_s1")
        for name in TESTS:
            shutil.copy(PACKAGING / "debian/tests" / name, self.root / "root")
        self.booted("\n".join(f"/root/{name}" for name in TESTS) + f"""
            dpkg --remove {OURS}
            for unit in mmed enbd@enb1 enbd@enb2 ued@ue; do if systemctl is-active "$unit"; then exit 1; fi; done
            if pidof mmed enbd ued; then exit 1; fi""")
        left = self.files() - before
        strange = {p for p in left if not p.startswith(("/etc/", "/var/lib/keyhop")) or p.endswith((".db", ".key", ".service"))}
        strange -= {p for p in left if p.startswith(("/etc/keyhop", "/etc/systemd/system"))}
        self.assertEqual(strange, set(), "a removal leaves configuration, and captures")
        self.booted(f"dpkg --purge {OURS}\nif getent passwd keyhop || getent group keyhop; then exit 1; fi")
        self.assertEqual(self.files() - before, set(), "a purge leaves nothing")


if __name__ == "__main__":
    unittest.main()
