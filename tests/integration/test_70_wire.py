"""tshark on what tcpdump saw of a run over TLS: every message, in order, with the plugin, the embedded secrets and no
option; and the same for the nodes' own captures."""

import os
import subprocess
import unittest

from labtest import ROOT
from wiretool import BUILD, SANITIZERS, STEPS, WireTest, coalesce, dedup, split

INSIDE = "KEYHOP_TEST_INSIDE"


class Wire(WireTest):
    def dumped(self):
        """(lab, tcpdump's file, what the nodes counted): a UE attaches and moves twice. None when that was seen to in a
        namespace."""
        self.need("tcpdump", "tcpdump")
        lab = self.wire_lab()
        try:
            dump = self.dump(lab)
        except PermissionError as e:
            return self.inside(str(e))
        lab.start()
        self.attach(lab)
        lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        self.move(lab, ["enb1", "enb2", "enb3"])
        dump.finish()
        return lab, dump.path, self.messages(lab)

    def inside(self, why):
        """Without rights: the same test as root of a user namespace, with its own loopback."""
        if os.environ.get(INSIDE):
            self.skip(f"not even in a user namespace: {why}")
        command = f"ip link set lo up && exec python3 -m unittest -v {self.id()}"
        done = subprocess.run(["unshare", "-Urn", "sh", "-c", command], env=os.environ | {INSIDE: "1"},
                              cwd=ROOT / "tests" / "integration", capture_output=True, text=True)
        if "Ran 1 test" not in done.stderr or "skipped=1" in done.stderr:
            self.skip(f"{why}; in a user namespace: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        print(f"{why}; done in a user namespace")

    def open(self, lab, capture):
        """The capture with the TLS secrets and what the UE's keys open."""
        out = capture.with_suffix(".open.pcapng")
        self.tool("decrypt", capture, "--keylog", lab.path / "ue.keylog", "--tls-keylog", lab.path / "mme.tlskeys",
                  *[w for n in lab.enb_names() for w in ("--tls-keylog", lab.path / f"{n}.tlskeys")], "-o", out)
        return out

    def test_tcpdump(self):
        env = self.plugin()
        seen = self.dumped()
        if not seen:
            return
        lab, dump, sent = seen
        with self.subTest("without secrets"):
            lines = self.tshark(env, dump, "-Y", "keyhop", "-T", "fields", "-e", "keyhop.interface")
            self.assertEqual({i for line in lines for i in line.split(",")}, {"Uu"})
        opened = self.open(lab, dump)
        counts, steps = self.decoded(env, opened)
        imsi = lab.imsis[0]
        with self.subTest("counts"):
            self.same(self.one_of_each(counts), sent)
            self.assertEqual(counts["S1", "s1.enb_key"], 3)
        with self.subTest("order"):
            self.in_order(steps[""], 2)
            self.assertEqual(dedup(steps[imsi]), [s for s in dedup(steps[""]) if s != 2])
            self.assertEqual(sorted(set(steps[""])), STEPS)
        with self.subTest("filter"):
            lines = self.tshark(env, opened, "-Y", f'keyhop.step == 7 && keyhop.ue == "{imsi}"')
            self.assertEqual(len(lines), 2)
            self.assertIn(f"7 handover_request ue={imsi}", lines[0])
        for name, cut in (("one octet a segment", split), ("coalesced", coalesce)):
            with self.subTest(name):
                again = lab.path / f"{cut.__name__}.pcap"
                again.write_bytes(cut(dump.read_bytes()))
                self.assertNotEqual(again.stat().st_size, dump.stat().st_size)
                other, _ = self.decoded(env, self.open(lab, again))
                self.same(other, counts)

    def test_own_captures(self):
        env = self.plugin()
        lab = self.wire_lab()
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2", "enb3"])
        for name in lab.names():
            lab.node(name).call("capture.stop")
        sent = self.messages(lab)
        imsi = lab.imsis[0]
        for name in lab.names():
            with self.subTest(name):
                tx, rx = (lab.node(name).call("metrics.get")[way] for way in ("tx", "rx"))
                counts, _ = self.decoded(env, lab.path / f"{name}.pcapng")
                mine = {m: n for (i, m), n in counts.items() if i in ("S1", "X2") and m[:2] in ("s1", "x2")}
                want = {m: tx.get(m, 0) + rx.get(m, 0) for m in {*tx, *rx} if m[:2] in ("s1", "x2")}
                self.same(mine, want)
        merged = lab.path / "all.pcapng"
        self.tool("merge", *(lab.path / f"{n}.pcapng" for n in lab.names()), "-o", merged)
        counts, steps = self.decoded(env, merged)
        with self.subTest("merged"):
            once = self.one_of_each(counts)
            self.same({m: n for m, n in once.items() if m[:3] != "nas"},
                      {m: n for m, n in sent.items() if m[:3] != "nas"})
            self.assertEqual(once["nas.h_key_delivery"], sent["nas.h_key_delivery"])
            self.in_order(steps[""], 2)
            self.assertEqual(dedup(steps[imsi]), [s for s in dedup(steps[""]) if s != 2])
            self.assertEqual(sorted(set(steps[""])), STEPS)
        with self.subTest("filter"):
            lines = self.tshark(env, merged, "-Y", f'keyhop.step == 7 && keyhop.ue == "{imsi}"')
            self.assertEqual(len(lines), 2)
        with self.subTest("types come from the .proto files"):
            lines = self.tshark(env, merged, "-Y", "keyhop.step == 7", "-V")
            self.assertTrue(any("source_ho_id" in line for line in lines), lines[:80])

    def test_installed(self):
        """meson install puts plugin and .proto files where Debian's Wireshark looks; nothing is set, nothing personal."""
        self.need("tshark", "tshark")
        folder = self.folder()
        lab = self.wire_lab(enbs=2)
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        lab.node("enb1").call("capture.stop")
        subprocess.run(["meson", "install", "--no-rebuild", "-C", str(BUILD)], env=os.environ | {"DESTDIR": str(folder)},
                       check=True, capture_output=True)
        env = {k: v for k, v in os.environ.items() if k not in SANITIZERS} | {"HOME": str(folder / "nobody")}
        env.pop("XDG_CONFIG_HOME", None)
        places = dict(line.split(":", 1) for line in subprocess.run(
            ["tshark", "-G", "folders"], env=env, capture_output=True, text=True).stdout.splitlines())
        plugins, data = (places[k].strip() for k in ("Global Lua Plugins", "Global configuration"))
        self.assertTrue((folder / plugins[1:] / "keyhop.lua").exists())
        self.assertTrue((folder / data[1:] / "protobuf/keyhop/s1.proto").exists())
        over = " && ".join(f"mount -t overlay -o lowerdir={folder}{place}:{place} none {place}" for place in (plugins, data))
        script = over + ' && exec tshark -r "$0" -Y "keyhop.step == 7" -V'
        done = subprocess.run(["unshare", "-Urm", "sh", "-c", script, str(lab.path / "enb1.pcapng")], env=env,
                              capture_output=True, text=True)
        if done.returncode and "mount" in done.stderr + done.stdout or "unshare:" in done.stderr:
            self.skip(f"files are in place; no overlay to try them: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Message: x2.handover_request", done.stdout)
        self.assertIn("source_ho_id", done.stdout)


if __name__ == "__main__":
    unittest.main()
