"""Seeds for people's own Debian images: what cloud-init (NoCloud) needs to make one node of a topology out of a stock
image. Everything but the programs is in the seed itself."""

import base64
import json

FOLDER = "/var/lib/keyhop"
LIBRARIES = ("libevent-core-2.1-7", "libevent-extra-2.1-7", "libprotobuf-c1", "libssl3", "libyaml-0-2", "libjansson4",
             "libsqlite3-0")
DAEMON = {"mme": "mmed", "enb": "enbd", "ue": "ued"}


def network(lab, name):
    """The card of the lab is known by its address; the other one is the image's own business."""
    mac = lab.backend.mac(name)
    return {"version": 2, "ethernets": {
        "lab": {"match": {"macaddress": mac}, "set-name": "lab0", "addresses": [f"{lab.address(name)}/24"]},
        "out": {"match": {"name": "e*"}, "dhcp4": True}}}


def user_data(lab, name, programs):
    """`programs` is the address of a tar.gz that is unpacked at /."""
    daemon = DAEMON[lab.nodes[name]["role"]]
    files = [{"path": f"{FOLDER}/{file}", "permissions": "0600", "encoding": "b64",
              "content": base64.b64encode(path.read_bytes()).decode()}
             for file, path in lab.backend.files(name).items()]
    start = ["systemd-run", f"--unit=keyhop-{name}", "--property=Restart=on-failure", f"/usr/local/sbin/{daemon}", "-c",
             f"{FOLDER}/{name}.yaml"]
    run = [["modprobe", "-q", "sctp"], ["chmod", "0700", FOLDER],
           ["sh", "-c", f"python3 -c 'import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(\"{programs}\")"
                        ".read())' | tar -C / -xz"], start]
    return {"hostname": name, "package_update": True, "packages": list(LIBRARIES), "write_files": files, "runcmd": run}


def write(lab, programs):
    """DIR/seed/NODE/ with user-data, meta-data and network-config, for all nodes. JSON is YAML."""
    out = {}
    for name in lab.names():
        folder = lab.path / "seed" / name
        folder.mkdir(parents=True, mode=0o700)
        (folder / "meta-data").write_text(json.dumps({"instance-id": f"keyhop-{name}", "local-hostname": name}) + "\n")
        (folder / "network-config").write_text(json.dumps(network(lab, name), indent=1) + "\n")
        (folder / "user-data").write_text("#cloud-config\n" + json.dumps(user_data(lab, name, programs), indent=1) + "\n")
        out[name] = {"seed": str(folder), "mac": lab.backend.mac(name), "address": lab.address(name)}
    return out
