"""Captures by the nodes themselves: what is in them, at once; rotation; a full disk ends the capture and nothing else."""

import fcntl
import os
import resource
import subprocess
import unittest

from labtest import KeyhopError
from wiretool import WireTest, blocks


class Capture(WireTest):
    def attached(self, **options):
        lab = self.wire_lab(captures=False, **options)
        lab.start()
        self.attach(lab)
        return lab

    def ping_pong(self, lab, moves):
        for i in range(moves):
            self.move(lab, ["enb1", "enb2"] if i % 2 == 0 else ["enb2", "enb1"])

    def test_interfaces_and_comments(self):
        lab = self.wire_lab()
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        packets = list(blocks(lab.path / "enb1.pcapng"))  # while it runs: whatever was sent is there
        names = {name for name, _, _ in packets}
        uu = [n for n in names if n.startswith("enb1 Uu 127.0.0.1:")]
        self.assertEqual(names - set(uu), {"enb1 S1 keyhop:mme:mme", "enb1 X2 keyhop:enb:00101-2",
                                           "enb1 X2 keyhop:enb:00101-3"})
        self.assertEqual(len(uu), 1)
        for name, comment, _ in packets:
            self.assertRegex(comment, r"^(step=\d+ )?message=(s1|x2|uu)\.\w+ protection=(tunnel|clear|rrc)(;| |$)", name)
        all_of_it = "\n".join(f"{name}: {comment}" for name, comment, _ in packets)
        for text in (r"enb1 S1 .*: step=2 message=s1.enb_key protection=tunnel keys=masked; event=enbkey.installed "
                     r"node=enb1 step=2 .*key=mme_enb_key fp=[0-9a-f]{8}",
                     r"enb1 X2 .*-2: step=7 message=x2.handover_request protection=tunnel; event=handover.requested "
                     r"node=enb1 step=7 ue=001010000000001 enb=2 gen=1",
                     r"enb1 Uu .*: message=uu.srb1 protection=rrc; step=6 message=rrc.measurement_report protection=rrc",
                     r"enb1 Uu .*: message=uu.srb0 protection=clear; message=rrc.rrc_connection_request",
                     r"enb1 Uu .*: message=uu.srb1 protection=clear; message=rrc.dl_information_transfer protection=clear"):
            self.assertRegex(all_of_it, text)
        inside = "\n".join(comment for _, comment, _ in blocks(lab.path / "ue.pcapng"))
        for text in ("message=nas.attach_request protection=clear", "message=nas.security_mode_complete protection=nas",
                     "step=5 message=nas.h_key_delivery protection=nas"):
            self.assertIn(text, inside)

    def test_flushed_on_every_message(self):
        """What a UE has received, its cell has on disk."""
        lab = self.attached()
        for name in ("enb1", "ue"):
            lab.node(name).call("capture.start", file=f"{name}.pcapng")
        for i in range(1, 6):
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
            for name in ("enb1", "ue"):
                drb = [c for _, c, _ in blocks(lab.path / f"{name}.pcapng") if "message=uu.drb1" in c]
                self.assertEqual(len(drb), 2 * i, name)
        status = lab.node("enb1").call("capture.status")
        self.assertEqual((status["running"], status["packets"]), (True, 10))
        self.assertEqual(status["bytes"], (lab.path / "enb1.pcapng").stat().st_size)
        self.named("ALREADY_EXISTS", lab.node("enb1").call, "capture.start", file="other.pcapng")
        self.assertFalse(lab.node("enb1").call("capture.stop")["running"])
        self.named("NOT_FOUND", lab.node("enb1").call, "capture.stop")

    def test_rotation_by_size(self):
        lab = self.attached()
        enb1 = lab.node("enb1")
        enb1.call("capture.start", file="small.pcapng", max_size=2000, files=3)
        for _ in range(40):
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        status = enb1.call("capture.stop")
        self.assertGreater(status["files"], 4)
        files = sorted(p.name for p in lab.path.glob("small.pcapng*"))
        self.assertEqual(files, ["small.pcapng"] + [f"small.pcapng.{n}" for n in (1, 2, 3)])
        for file in files[1:]:
            packets = list(blocks(lab.path / file))  # each is whole, with its own interfaces
            self.assertGreater(len(packets), 3)
            self.assertEqual({name.split()[1] for name, _, _ in packets}, {"Uu"})
            self.assertLess((lab.path / file).stat().st_size, 2000 + 1000)
        for file in files:
            self.tool("seq", lab.path / file, "--all")

    def test_rotation_by_time(self):
        lab = self.attached()
        enb1 = lab.node("enb1")
        enb1.call("capture.start", file="timed.pcapng", max_age_ms=1, files=2)
        while enb1.call("capture.status")["files"] < 5:  # a millisecond passes between some two pings
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        enb1.call("capture.stop")
        self.assertEqual(sorted(p.name for p in lab.path.glob("timed.pcapng*")),
                         ["timed.pcapng", "timed.pcapng.1", "timed.pcapng.2"])

    def full(self, lab, file):
        """Handovers go on when there is no room for the capture of their source any more."""
        enb1 = lab.node("enb1")
        enb1.call("events.unsubscribe")
        enb1.events.clear()
        enb1.subscribe(topics=["capture."], since=0)
        e = enb1.wait_event(lambda e: e["topic"] == "capture.stopped")
        self.assertEqual(e["cause"], "no-resources")
        self.assertIn(str(file), e["detail"])
        self.assertFalse(enb1.call("capture.status")["running"])
        self.assertEqual(enb1.call("metrics.get")["refused"]["no-resources"], 1)
        enb1.call("events.unsubscribe")
        self.ping_pong(lab, 4)
        lab.node("ue").call("traffic.ping", ue=lab.imsis[0])

    def test_full_device(self):
        lab = self.wire_lab(captures=False)
        lab.extra["enb1"] += "capture: /dev/full\n"
        lab.start()
        self.attach(lab)
        self.full(lab, "/dev/full")

    def test_a_pipe_that_nobody_reads(self):
        lab = self.attached()
        enb1 = lab.node("enb1")
        enb1.subscribe(topics=["capture."])
        os.mkfifo(lab.path / "pipe.pcapng")
        reader = os.open(lab.path / "pipe.pcapng", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        enb1.call("capture.start", file="pipe.pcapng")
        while enb1.call("capture.status")["running"]:
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        self.full(lab, "pipe.pcapng")

    def test_file_limit(self):
        """The file ends after a whole block."""
        lab = self.attached()
        enb1 = lab.node("enb1")
        enb1.subscribe(topics=["capture."])
        pid = lab.process["enb1"].pid
        limit = max(p.stat().st_size for p in lab.path.glob("enb1.*")) + 6001
        enb1.call("capture.start", file="limited.pcapng")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))
        while enb1.call("capture.status")["running"]:
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        self.full(lab, "limited.pcapng")
        self.assertGreater(limit, (lab.path / "limited.pcapng").stat().st_size)
        self.assertGreater(len(list(blocks(lab.path / "limited.pcapng"))), 10)
        self.tool("seq", lab.path / "limited.pcapng", "--all")

    def test_full_disk(self):
        lab = self.attached()
        small = lab.path / "small"
        small.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(small)], capture_output=True)
        if done.returncode:
            self.skip(f"no tmpfs of one's own: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", str(small)], check=True)
        enb1 = lab.node("enb1")
        enb1.subscribe(topics=["capture."])
        enb1.call("capture.start", file="small/enb1.pcapng")
        while enb1.call("capture.status")["running"]:
            lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        self.full(lab, "small/enb1.pcapng")
        self.assertGreater(len(list(blocks(small / "enb1.pcapng"))), 10)

    def test_what_is_refused(self):
        lab = self.attached()
        enb1 = lab.node("enb1")
        (lab.path / "precious").write_text("do not overwrite me\n")
        for file in ("precious", "no/such/folder", "."):
            self.named("CONFIG", enb1.call, "capture.start", file=file)
        self.assertEqual((lab.path / "precious").read_text(), "do not overwrite me\n")
        with self.assertRaises(KeyhopError):
            enb1.call("capture.start", file="x", max_size=-1)
        os.symlink(lab.path / "precious", lab.path / "link.pcapng")
        self.named("CONFIG", enb1.call, "capture.start", file="link.pcapng")


if __name__ == "__main__":
    unittest.main()
