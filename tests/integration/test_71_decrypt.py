"""What the keylog of one node opens is what that node could read, message by message; and keys are in keylogs only."""

import re
import struct
import subprocess
import unittest
from collections import Counter

from labtest import has_sctp_udp
from wiretool import BUILD, WireTest, blocks, keys_of

# NAS messages that go out under NAS security, and those that RRC messages carry without naming them.
NAS = {"security_mode_command", "security_mode_complete", "attach_accept", "attach_complete", "h_key_delivery",
       "location_evidence"}
CARRIES = {"rrc_reconfiguration": "attach_accept"}


def parts(comment):
    """Each sentence of a comment as {key: value}; what keyhop decrypt added has "opened"."""
    out = []
    for text in comment.split(";"):
        part = dict(word.split("=", 1) for word in text.split() if "=" in word)
        part["opened"] = text.split()[:1] == ["opened"]
        part["wrapped"] = text.split()[:2] == ["opened", "wrapped"]
        out.append(part)
    return out


def names(sentences, kind):
    found = [p["message"][len(kind) + 1 :] for p in sentences if p.get("message", "").startswith(kind + ".")]
    return list(dict.fromkeys(found))


def cell_of(interface):
    """"enb2 Uu ..." and "ue Uu 127.0.9.102:36532" are the same cell; so is an S1 interface of either end."""
    found = re.match(r"enb(\d+) |ue Uu [\d.]+\.10(\d+):|mme S1 keyhop:enb:\d+-(\d+)", interface)
    return int(next(g for g in found.groups() if g))


def readers(interface, sentences, enbs):
    """{what is inside: who can open it}, by the rules of the contribution."""
    out = {}
    label, cell = interface.split()[1], cell_of(interface)
    ciphered = sentences[0].get("protection") == "rrc"
    nas = [n for n in names(sentences, "nas") if n in NAS]
    if label == "Uu":
        rrc = names(sentences, "rrc")
        nas += [CARRIES[n] for n in rrc if n in CARRIES and CARRIES[n] not in nas]
        if ciphered:
            out |= {f"rrc.{n}": {"ue", f"enb{cell}"} for n in rrc}
        # The MME has the key of the NAS PDU and not of the PDCP PDU around it.
        out |= {f"nas.{n}": {"ue"} if ciphered else {"ue", "mme"} for n in nas}
    else:
        out |= {f"nas.{n}": {"ue", "mme"} for n in nas}
    if {"wrapped_key_list", "new_key_list"} & set(names(sentences, "s1")):
        out |= {f"kenb of enb{n}": {"mme", f"enb{n}"} for n in enbs if n != cell}
    if "handover_request" in names(sentences, "x2"):
        target = int(interface.rsplit("-", 1)[1])
        out |= {f"kenb of enb{target}": {"mme", f"enb{target}"}}
    return out


class Decrypt(WireTest):
    def run_once(self, mme=None):
        lab = self.wire_lab(mme=mme)
        lab.start()
        self.attach(lab)
        lab.node("ue").call("traffic.ping", ue=lab.imsis[0])
        self.move(lab, ["enb1", "enb2", "enb3", "enb1"])
        for name in lab.names():
            lab.node(name).call("capture.stop")
        merged = lab.path / "capture.pcapng"
        self.tool("merge", *(lab.path / f"{n}.pcapng" for n in lab.names()), *self.secrets(lab), "-o", merged)
        return lab, merged

    def secrets(self, lab):
        return [w for n in ["mme", *lab.enb_names()] for w in ("--tls-keylog", lab.path / f"{n}.tlskeys")]

    def opened_file(self, lab, capture, *nodes):
        out = lab.path / ("-".join(nodes) + ".open.pcapng")
        self.tool("decrypt", capture, *[w for n in nodes for w in ("--keylog", lab.path / f"{n}.keylog")], "-o", out)
        return out

    def opened(self, lab, capture, *nodes):
        """What the keylogs of these nodes open, packet by packet."""
        found = []
        for _, comment, _ in blocks(self.opened_file(lab, capture, *nodes)):
            mine = [p for p in parts(comment) if p["opened"]]
            found.append([f"kenb of enb{p['enb']}" if p["wrapped"] else p["message"] for p in mine])
        return found

    def all_opened(self, lab, capture, *nodes):
        """The same, counted. What is sent again may come in the same packet as the first."""
        return Counter(m for packet in self.opened(lab, capture, *nodes) for m in packet)

    def finish(self, lab, dump):
        """What the nodes captured, merged, and what tcpdump saw, with the secrets of TLS in it."""
        for name in lab.names():
            lab.node(name).call("capture.stop")
        dump.finish()
        merged, secret = lab.path / "all.pcapng", lab.path / "secret.pcapng"
        self.tool("merge", *(lab.path / f"{n}.pcapng" for n in lab.names()), "-o", merged)
        self.tool("decrypt", dump.path, *self.secrets(lab), "-o", secret)
        return merged, secret

    def table(self, mme=None):
        lab, capture = self.run_once(mme)
        packets = [(interface, parts(comment)) for interface, comment, _ in blocks(capture)]
        wanted = [readers(interface, sentences, range(1, 4)) for interface, sentences in packets]
        seen = {node: self.opened(lab, capture, node) for node in lab.names()}
        rows = Counter()
        for i, (interface, _) in enumerate(packets):
            for node in lab.names():
                self.assertEqual(set(seen[node][i]), {m for m, who in wanted[i].items() if node in who},
                                 f"packet {i}, {interface}, keylog of {node}")
            for message in wanted[i]:
                where = f"{interface.split()[1]} of enb{cell_of(interface)}"
                rows[where, message, "".join("+" if message in seen[n][i] else "-" for n in lab.names())] += 1
        print(f"\n{'where':12}{'message':34}{'  '.join(lab.names())}")
        for where, message, marks in sorted(rows):
            print(f"{where:12}{message:34}{'  '.join(m.center(len(n)) for m, n in zip(marks, lab.names()))}")
        # Everybody's keys together open all of it.
        self.assertEqual([set(m) for m in self.opened(lab, capture, *lab.names())], [set(w) for w in wanted])
        self.assertGreater(len(rows), 40)

    def test_table(self):
        self.table()

    def test_what_tcpdump_saw(self):
        """The same keylogs open the same messages in what tcpdump saw of TLS, given the TLS secrets."""
        lab = self.wire_lab()
        dump = self.dump_or_skip(lab)
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2", "enb3"])
        merged, secret = self.finish(lab, dump)
        for name in lab.names():
            mine, theirs = (self.all_opened(lab, capture, name) for capture in (merged, secret))
            self.assertEqual(mine, theirs, name)
            self.assertGreater(sum(mine.values()), 3)
        # Without the secrets what is under TLS stays closed.
        self.assertEqual(set(self.all_opened(lab, dump.path, "mme")), {"nas.security_mode_command", "nas.security_mode_complete"})
        self.tool("decrypt", secret, "--keylog", lab.path / "ue.keylog", "-o", lab.path / "ue.pcapng")
        ladder = self.tool("seq", lab.path / "ue.pcapng")
        self.assertEqual(ladder.splitlines()[0].split(), ["mme", "enb1", "enb2", "enb3", "ue"])
        seen = re.findall(r"^.*?\| *[<|]?[-=~.|<> ]*?(\d+) [A-Za-z].*(tunnel|nas|rrc)$", ladder, re.M)
        want = "2 2 2 3 4 5 5 6 7 8 9 10 11 12 13 5 5 6 7 8 9 10 11 12 13 5 5".split()
        self.assertEqual([step for step, _ in seen], want)
        kinds = dict.fromkeys("2 3 4 7 8 11 12 13".split(), "tunnel") | {"5": "nas", "6": "rrc", "9": "rrc", "10": "rrc"}
        self.assertEqual([kind for _, kind in seen], [kinds[step] for step in want])

    def test_what_tcpdump_saw_of_a_bad_network(self):
        """What is lost, doubled and out of order is put together again."""
        if not has_sctp_udp():
            self.skip("this build has no libusrsctp")
        lab = self.wire_lab(transport="sctp-udp", extra="lab: {udp_impair: {loss: 5, duplicate: 5, reorder: 10}}\n")
        for name in lab.enb_names():
            lab.extra[name] += "handover: {prepare_timeout: 5s, complete_timeout: 10s, list_wait: 10s}\n"
        lab.extra["ue"] += "handover: {confirm_timeout: 3s}\n"
        dump = self.dump_or_skip(lab)
        lab.start()
        self.until_quiet(lab)  # every key acknowledged: lists know each target
        self.attach(lab)
        self.move(lab, ["enb1", "enb2", "enb3"] * 2)
        self.until_quiet(lab)
        merged, secret = self.finish(lab, dump)
        mine, theirs = (self.all_opened(lab, capture, *lab.names()) for capture in (merged, secret))
        self.same(theirs, mine)
        self.assertGreaterEqual(mine["rrc.handover_command"], 5)
        self.assertGreater(lab.node("mme").call("metrics.get")["counters"]["sctp_udp_impaired"], 0)

    def test_table_aes_kw(self):
        self.table({"wrap": "aes-kw"})


class Keys(WireTest):
    """No octet of a key where it does not belong."""

    SECRET = (".keylog", ".csv", ".db", ".db.key", ".db-wal", ".tlskeys", ".key")

    def test_no_key_octets(self):
        dump, lab = None, self.wire_lab()
        try:
            dump = self.dump(lab)
        except (PermissionError, FileNotFoundError) as e:
            print(f"without tcpdump: {e}")
            lab = self.wire_lab()
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2", "enb3"])
        lab.node("enb1").subscribe(topics=["enbkey.installed"])
        lab.node("mme").call("enbkey.rotate", enb="enb1")
        lab.node("enb1").wait_event(lambda e: True)
        for name in lab.names():
            if name not in ("enb1", "enb2"):  # the UE has left those
                lab.node(name).call("key.list", ue=lab.imsis[0])
            lab.node(name).call("capture.stop")
        if dump:
            dump.finish()
        path = lab.path
        keylogs = [w for n in lab.names() for w in ("--keylog", path / f"{n}.keylog")]
        secrets = [w for n in ["mme", *lab.enb_names()] for w in ("--tls-keylog", path / f"{n}.tlskeys")]
        self.tool("merge", *(path / f"{n}.pcapng" for n in lab.names()), *secrets, "-o", path / "capture.pcapng")
        self.tool("decrypt", path / "capture.pcapng", *keylogs, "-o", path / "opened.pcapng")
        for form in ("ladder.txt", "ladder.html", "ladder.mmd", "ladder.puml"):
            self.tool("seq", path, "-o", path / form)
        keys = keys_of(path)
        kinds = {where.split()[1] for where in keys.values()}
        self.assertLessEqual({"k", "opc", "kasme", "k_nas_enc", "k_nas_int", "h_key", "kenb", "mme_enb_key", "k_rrc_enc",
                              "k_rrc_int", "k_up_enc"}, kinds)
        files = [f for f in path.iterdir() if f.is_file() and not f.name.endswith(self.SECRET)]
        kinds = {f.suffix for f in files}
        self.assertLessEqual({".pcapng", ".ndjson", ".log", ".html", ".txt"}, kinds)
        for file in files:
            self.assertEqual(self.found(keys, file.read_bytes()), [], file.name)
        # The search finds what is there.
        key = next(iter(keys))
        self.assertEqual(len(self.found(keys, b"x" + key + b"y")), 1)
        self.assertEqual(len(self.found(keys, b"x" + key.hex().upper().encode())), 1)

    def found(self, keys, data):
        text = data.lower()
        return [where for key, where in keys.items() if key in data or key.hex().encode() in text]


class BadInput(WireTest):
    """decrypt, merge and seq on files of others: they name what is wrong, and end."""

    def capture(self):
        lab = self.wire_lab(enbs=2)
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        for name in lab.names():
            lab.node(name).call("capture.stop")
        return lab

    def try_all(self, lab, file):
        """Exit codes 0 and 1 only: done, or a named error. A sanitizer ends with another."""
        out = lab.path / "out"
        for words in (("decrypt", file, "--keylog", lab.path / "ue.keylog", "-o", out),
                      ("merge", file, lab.path / "mme.pcapng", "-o", out), ("seq", file, "--all", "-o", f"{out}.html")):
            done = subprocess.run([str(BUILD / "ctl" / "keyhop"), *map(str, words)], capture_output=True, text=True,
                                  errors="replace", timeout=60)
            self.assertIn(done.returncode, (0, 1), f"{words[0]} {done.stderr}")
            if done.returncode:
                self.assertRegex(done.stderr, "^keyhop: ")

    def test_bad_files(self):
        lab = self.capture()
        good = (lab.path / "enb1.pcapng").read_bytes()
        file = lab.path / "bad"
        flips = [bytes(good[:i]) + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :] for i in range(0, len(good), 397)]
        cuts = [good[:n] for n in range(0, len(good), 1009)]
        huge = [good[:i] + b"\xff" * 4 + good[i + 4 :] for i in range(0, min(len(good), 4000) - 4, 149)]
        old = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        olds = [old, old + struct.pack("<IIII", 1, 1, 0xFFFFFFFF, 1), old + struct.pack("<IIII", 1, 1, 60, 60) + b"E" * 60]
        texts = [b"", b"{", b"{}\n" * 3, b'{"topic": 7, "node": []}\n', b"{" * 70000, b"\0" * 5000,
                 b'{"topic":"hkey.sent","node":"' + b"x" * 300 + b'","ue":"' + b"9" * 300 + b'","enb":-1,"gen":1e300}\n']
        print(f"\n{len(flips)} flips, {len(cuts)} cuts, {len(huge)} lengths")
        for data in flips + cuts + huge + olds + texts:
            file.write_bytes(data)
            self.try_all(lab, file)
        for words in (("decrypt", "none", "-o", "out"), ("merge", "none", "-o", "out"), ("seq", "none")):
            self.assertIn("none: No such file", self.tool(*words, code=1, cwd=lab.path))

    def test_bad_dumps(self):
        """Of tcpdump; under the checksums of SCTP tests/unit/check_packets.c does the same."""
        lab = self.wire_lab(enbs=2)
        dump = self.dump_or_skip(lab)
        lab.start()
        self.attach(lab)
        self.move(lab, ["enb1", "enb2"])
        dump.finish()
        good = dump.path.read_bytes()
        step = len(good) // 50
        file = lab.path / "bad"
        for i in range(24, len(good), step):
            file.write_bytes(good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :])
            self.try_all(lab, file)
            file.write_bytes(good[:i])
            self.try_all(lab, file)

    def test_usage(self):
        """Who forgets a word, or has one too many, is told which."""
        for words, wrong in (("decrypt", "IN.pcapng is missing"), ("decrypt a", "-o OUT.pcapng is missing"),
                             ("decrypt a -o a", "a cannot be read and written at once"),
                             ("decrypt a --keylog", "--keylog: its value is missing"),
                             ("decrypt a b -o c", "b: a word too many"), ("merge -o a", "IN.pcapng is missing"),
                             ("merge a", "-o OUT.pcapng is missing"), ("merge a --out b", "--out: no such option"),
                             ("seq --ue", "--ue: its value is missing"), ("seq --format svg", "--format: svg: no such format")):
            said = self.tool(*words.split(), code=2).splitlines()
            self.assertEqual(said[0], f"keyhop: {words.split()[0]}: {wrong}")
            self.assertTrue(said[2].startswith(f"usage: keyhop {words.split()[0]} "), said)

    def test_bad_keylogs(self):
        lab = self.capture()
        file = lab.path / "bad"
        for text in (b"kenb 00\x00", b"k_nas_enc node=x alg=300 " + b"zz" * 16, b"a" * 5000, b"\xff\xfe", b"= = =",
                     b"mme_enb_key enb=99999999999999999999 " + b"00" * 500):
            file.write_bytes(text + b"\n")
            done = self.tool("decrypt", lab.path / "ue.pcapng", "--keylog", file, "-o", lab.path / "out", code=1)
            self.assertIn(f"{file}:1: no line of a keylog", done)

    def test_peers_text_is_text(self):
        """A node, a UE or a cause with a sting breaks no page and no diagram."""
        lab = self.lab(start=False)
        lab.path.mkdir(exist_ok=True)
        sting = "<script>alert(1)</script>\\\"'&]]>"
        events = lab.path / "x.events.ndjson"
        events.write_text('{"topic":"refused","ts":"%s","node":"%s","cause":"%s","detail":"%s","fp":"%s"}\n' %
                          ((sting.replace("\\", "\\\\").replace('"', '\\"'),) * 5))
        page = self.tool("seq", events, "--format", "html")
        self.assertEqual(page.count("<script>"), 1)
        self.assertIn("&lt;script&gt;", page)
        for form in ("mermaid", "plantuml"):
            self.assertNotIn("<", self.tool("seq", events, "--format", form).replace("->", ""))


if __name__ == "__main__":
    unittest.main()
