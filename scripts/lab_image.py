"""What a virtual machine of a lab boots: a kernel with its modules out of Debian's cloud kernel package, unpacked and
not installed, and an initramfs of the built binaries with their libraries."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab_local import LabError, Tools

META = "linux-image-cloud-amd64"
MODULES = ("virtio_pci", "virtio_net", "virtio_console", "virtio-rng", "sctp")
PROBE_SECONDS = 8

INIT = """#!/bin/sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for m in /mod/*; do insmod "$m" || echo "insmod $m: $?"; done
for w in $(cat /proc/cmdline); do
	case $w in kh.*=*) eval "${w#kh.}" ;; esac
done
if [ -n "$probe" ]; then
	echo "keyhop: booted"
	poweroff -f
fi
hostname "$name"
echo "127.0.0.1 localhost" >/etc/hosts
ip link set lo up
ip addr add "$addr" dev eth0
ip link set eth0 up
export KEYHOP_RUN=/run/keyhop PATH=/bin:/sbin HOME=/
mkdir -p /run/keyhop
mount -t tmpfs -o mode=0700 run /run/keyhop
cp -p /lab/* /run/keyhop/
cd /run/keyhop
echo "keyhop: $name is up after $(cut -d' ' -f1 /proc/uptime) s"
keyhop-guest /dev/vport*p1 /run/keyhop "$name" "/bin/$daemon"
echo "keyhop: $name ends with $?"
poweroff -f
"""


def cache():
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keyhop"
    path.mkdir(parents=True, exist_ok=True)
    return path


# The kernel.
def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        lines = (done.stderr.strip() or "no output").splitlines()
        raise LabError(f"{' '.join(map(str, command[:3]))}: {lines[-1]}")
    return done.stdout


def kernel_package():
    """The package that the meta package stands for; its version is in its name."""
    apt, = Tools.find("apt-cache")
    found = re.search(r"Depends: (linux-image-[0-9]\S+-cloud-amd64)", run(apt, "depends", META))
    if not found:
        raise LabError(f"apt knows no {META}: apt-get update")
    return found[1]


def module_order(root, wanted=MODULES):
    """Paths of modules, each behind those it depends on."""
    at = {p.stem.replace("-", "_"): p for p in Path(root).rglob("*.ko")}
    order = []

    def add(name):
        path = at.get(name.replace("-", "_"))
        if not path:
            raise LabError(f"the kernel has no module {name}")
        if path in order:
            return
        info = path.read_bytes()
        for depends in re.findall(rb"\0depends=([^\0]+)\0", info):
            for other in depends.decode().split(","):
                add(other)
        order.append(path)

    for name in wanted:
        add(name)
    return order


def unpack(package, into):
    """Downloads a kernel package and keeps of it what a guest needs."""
    get, dpkg = Tools.find("apt-get", "dpkg")
    with tempfile.TemporaryDirectory(dir=into.parent) as work:
        work = Path(work)
        run(get, "download", package, cwd=work)
        deb, = work.glob("*.deb")
        run(dpkg, "-x", deb, work / "x")
        ready = work / "ready"
        (ready / "mod").mkdir(parents=True)
        vmlinuz, = (work / "x/boot").glob("vmlinuz-*")
        shutil.copy(vmlinuz, ready / "vmlinuz")
        for i, path in enumerate(module_order(work / "x/lib/modules")):
            shutil.copy(path, ready / "mod" / f"{i:02d}-{path.name}")
        ready.rename(into)


def kernel():
    """A folder with vmlinuz and mod/, from the cache if it is there. KEYHOP_VM_KERNEL names another one."""
    if os.environ.get("KEYHOP_VM_KERNEL"):
        return Path(os.environ["KEYHOP_VM_KERNEL"])
    there = sorted(cache().glob("linux-image-*"), key=lambda p: p.stat().st_mtime)
    if there:
        return there[-1]
    package = kernel_package()
    into = cache() / package
    try:
        unpack(package, into)
    except OSError as e:
        if not into.exists():  # another lab may have been quicker
            raise LabError(f"{package}: {e}") from None
    return into


# The initramfs.
class Cpio:
    """A cpio archive in the format that the kernel takes (newc)."""

    def __init__(self):
        self.entries = {}

    def folder(self, name):
        while name and name not in self.entries:
            self.entries[name] = (b"", 0o40755)
            name = os.path.dirname(name)

    def put(self, name, data, mode=0o100755):
        self.folder(os.path.dirname(name))
        self.entries[name] = (data, mode)

    def file(self, name, path, mode=0o100755):
        self.put(name, Path(path).read_bytes(), mode)

    def octets(self):
        out = bytearray()
        for ino, (name, (data, mode)) in enumerate([*sorted(self.entries.items()), ("TRAILER!!!", (b"", 0))], 1):
            text = name.encode() + b"\0"
            fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
            out += b"070701" + b"".join(b"%08X" % f for f in fields) + text
            out += b"\0" * (-len(out) % 4) + data
            out += b"\0" * (-len(out) % 4)
        return bytes(out) + b"\0" * (-len(out) % 512)


def stripped(path, folder):
    """A copy without what only a debugger needs, where strip is there."""
    strip = shutil.which("strip")
    out = Path(folder) / Path(path).name
    if strip and subprocess.run([strip, "-o", out, path], capture_output=True).returncode == 0:
        return out
    return path


def libraries(path):
    """Shared libraries of a program."""
    listed = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(", listed)


def base_image(kernel_folder, programs):
    """The part of the initramfs that all guests have in common."""
    busybox, = Tools.find("busybox")
    if libraries(busybox):
        raise LabError("busybox is not static (Debian: busybox-static)")
    image = Cpio()
    for name in ("dev", "etc", "proc", "run", "sys", "tmp", "lab"):
        image.folder(name)
    image.put("init", INIT.encode())
    image.file("bin/busybox", busybox)
    image.put("bin/sh", b"busybox", 0o120777)
    for module in sorted((kernel_folder / "mod").iterdir()):
        image.file(f"mod/{module.name}", module, 0o100644)
    with tempfile.TemporaryDirectory() as work:
        for program in programs:
            image.file(f"bin/{Path(program).name}", stripped(program, work))
            for library in libraries(program):
                image.file(library.lstrip("/"), library)
    return image.octets()


def node_image(files):
    """The part of one node: {name: path} for /lab."""
    image = Cpio()
    for name, path in files.items():
        image.file(f"lab/{name}", path, 0o100600)
    return image.octets()


# The accelerator.
def boots(qemu, kernel_folder, image, accel):
    """Does a guest come up with that accelerator? That /dev/kvm opens says little: nested hosts refuse later."""
    command = [qemu, *machine(accel, 128), "-kernel", kernel_folder / "vmlinuz", "-initrd", image, "-serial", "stdio",
               "-append", "console=ttyS0 quiet panic=-1 no_timer_check kh.probe=1"]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired as e:
        return b"keyhop: booted" in (e.stdout or b"")
    return b"keyhop: booted" in done.stdout


def machine(accel, memory):
    cpu = "host" if accel == "kvm" else "max"
    return ["-M", "pc", "-accel", accel, "-cpu", cpu, "-m", str(memory), "-nodefaults", "-no-user-config", "-display",
            "none", "-no-reboot"]


def accelerator(qemu, kernel_folder, image):
    """kvm where a guest boots with it, else emulation; found out once for each kernel of host and guest."""
    tcg = "tcg,tb-size=64"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return tcg
    known = cache() / f"accel-{os.uname().release}-{kernel_folder.name}"
    if not known.exists():
        known.write_text("kvm" if boots(qemu, kernel_folder, image, "kvm") else tcg)
    return known.read_text()
