#!/usr/bin/env python3
"""Do the event cards tell the truth? Known things are done on this kernel, and what the cards' expressions show is compared.

    live.py CARDS-JSON EVENTS-DIR [-v]

One bpftrace program watches all cards of the list below in the way that this kernel has; then this script does things whose number,
size, names, addresses and errors it knows. Exit status: 0 all as expected, 1 not, 77 bpftrace can't attach here.
"""
import collections
import ctypes
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import compile as cards_compile  # noqa: E402  (this folder's)
import live_more  # noqa: E402

COMM = "kg-stimulus"
OTHERS = ("exit", "exec", "signal-deliver", "thread-exit")  # seen of other processes, too


def usable_way(card):
    for way in card["ways"]:
        way = cards_compile.with_binary(way)
        sites = way["begins"] + way["sites"]
        for site in sites:
            site["at"] = [at for at in site["at"] if not (why := cards_compile.missing(at, site)) or at not in site["optional"]]
        if all(site["at"] and not any(cards_compile.missing(at, site) or at.startswith(("kfunc", "kretfunc", "kprobe", "kretprobe"))
                                      for at in site["at"]) for site in sites):
            return way
    return None


def probes(card, way, site, is_begin):
    """A site as one probe for each of its attach points: bpftrace 0.17 mixes up the code of two probes with lists that share one."""
    return [probe(card, way, dict(site, at=[at]), is_begin) for at in site["at"]]


def readings(site, units):
    """(name, conversion, expression, condition) of each case of each field that can be a value."""
    for field, read in site["exprs"].items():
        for i, case in enumerate(read["cases"]):
            if units[field] == "stack" or case["expr"].startswith("join("):
                continue
            conds = [f"({c})" for c in (case["when"], read["valid"]) if c]
            kind = "%s" if units[field] in ("string", "path", "ip", "symbol") else "%lld"
            yield f"{field}.{i}", kind, case["expr"], f"({' && '.join(conds)} ? 1 : 0)" if conds else "1"


def probe(card, way, site, is_begin):
    """One probe of a card: keeps the begin's fields in maps, prints one line for each event (name=condition:value)."""
    units = {f["name"]: f["unit"] for f in card["fields"]}
    uid = card["name"].replace("-", "_")
    kind, _, target = site["at"][0].partition(":")
    lets = [f"${n} = {e};" for n, e in site["lets"]]
    key, body = site["key"], []
    name = lambda n: f"@{uid}_{n.replace('.', '_')}"  # noqa: E731
    if is_begin:
        body.append(f"@{uid}_t[{key}] = nsecs;")
        for n, _, expr, cond in readings(site, units):
            body += [f"{name(n)}[{key}] = {expr};", f"{name(n)}_is[{key}] = {cond};"]
    else:
        values = [(n, c, n, "1") for n, c in (("comm", "%s"), ("pid", "%lld"), ("tid", "%lld")) if n not in units]
        values += [("ok", "%lld", f"(({site['ok']}) ? 1 : 0)", "1")] if site["ok"] else []
        values += [("us", "%lld", f"(nsecs - @{uid}_t[{key}]) / 1000", "1")] if key else []
        for n, kind_of, _, _ in readings(way["begins"][0], units) if key else []:
            if n.split(".")[0] not in site["exprs"]:
                values.append((n, kind_of, f"{name(n)}[{key}]", f"{name(n)}_is[{key}]"))
        values += list(readings(site, units))
        form = "".join(f"|{n}=%d:{c}" for n, c, _, _ in values)
        args = ", ".join(f"{cond}, {expr}" for _, _, expr, cond in values)
        body.append(f'printf("{card["name"]}{form}\\n", {args});')
        if card["context"] == "task" and card["name"] not in OTHERS:
            body = [f'if (comm == "{COMM}") {{', *body, "}"]
        if card["name"] in ("runqueue-wait", "wakeup", "migration"):
            body = [f'if ({site["exprs"]["comm"]["cases"][0]["expr"]} == "{COMM}") {{', *body, "}"]
        if card["name"] == "offcpu":
            body = [f'if (@offcpu_comm_0[{key}] == "{COMM}") {{', *body, "}"]
        if key:
            body = [f"if (@{uid}_t[{key}] != 0) {{", *body, f"delete(@{uid}_t[{key}]);", "}"]
    if site["when"]:
        body = [f"if ({site['when']}) {{", *body, "}"]
    fields = cards_compile.tracepoint_fields(target) if kind == "tracepoint" else None
    text = "\n\t".join([site["at"][0] + " {", *lets, *body]) + "\n}"
    return cards_compile.settle(text, fields)


def program(cards):
    out = []
    for card in cards:
        way = usable_way(card)
        if way:
            out += [p for edge in ("begins", "sites") for s in way[edge] for p in probes(card, way, s, edge == "begins")]
    return "\n".join(out + ['BEGIN { printf("ready\\n"); }', "END { clear(@x); @x = 0; }"]), [c["name"] for c in cards if usable_way(c)]


class Seen:
    """The lines that were printed: {card: [{field: value}]}."""

    def __init__(self, text):
        self.lines = collections.defaultdict(list)
        for line in text.splitlines():
            card, *fields = line.split("|")
            event = {}
            for field in fields:
                m = re.fullmatch(r"(\w+)(?:\.\d+)?=(\d+):(.*)", field)
                if m and m[2] != "0":
                    event.setdefault(m[1], m[3])
            if event:
                self.lines[card].append(event)

    def mine(self, card, **want):
        """Lines of a card with these values, of the stimulus where the card tells who it was."""
        return [l for l in self.lines[card] if all(l.get(k) == str(v) for k, v in want.items())]


class Checks:
    def __init__(self):
        self.failed, self.n = [], 0

    def equal(self, what, got, want):
        self.n += 1
        if got != want:
            self.failed.append(f"{what}: got {got!r}, expected {want!r}")
        if "-v" in sys.argv:
            print("ok  " if got == want else "FAIL", what, got)


def name_me(name):
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)


def refused(family, address, port):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        return s.connect_ex((address, port))


def stimulate(tmp):
    """Things whose number and size is known. Returns what was done."""
    done = {}
    path = os.path.join(tmp, "known-file")
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
    for _ in range(7):
        os.write(fd, b"x" * 1000)
    os.pwritev(fd, [b"y" * 30, b"z" * 20], 0)
    for _ in range(3):
        os.pread(fd, 512, 0)
    os.fsync(fd)
    os.ftruncate(fd, 4321)
    try:
        os.read(9999, 10)
    except OSError:
        pass
    os.close(fd)
    for _ in range(4):
        try:
            os.open(os.path.join(tmp, "missing"), os.O_RDONLY)
        except OSError:
            pass
    try:
        os.unlink(os.path.join(tmp, "missing"))
    except OSError:
        pass
    os.mkdir(os.path.join(tmp, "dir"), 0o750)
    os.rmdir(os.path.join(tmp, "dir"))
    os.rename(path, path + "2")
    os.symlink("target-of-link", os.path.join(tmp, "sym"))
    os.link(path + "2", path + "3")
    os.chmod(path + "2", 0o600)
    os.chown(path + "2", 12, 34)
    os.unlink(path + "2")
    done["refused4"] = refused(socket.AF_INET, "127.0.0.1", 4567)
    done["refused6"] = refused(socket.AF_INET6, "::1", 4568)
    server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.bind(("::1", 0))
    server.listen(5)
    done["port"] = server.getsockname()[1]
    client = socket.create_connection(("::1", done["port"]))
    done["client_port"] = client.getsockname()[1]
    conn, _ = server.accept()
    client.sendall(b"a" * 1234)
    conn.recv(100, socket.MSG_PEEK)
    done["received"] = len(conn.recv(4096))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    done["udp_port"] = udp.getsockname()[1]
    for _ in range(5):
        udp.sendto(b"u" * 77, ("127.0.0.1", done["udp_port"]))
    for _ in range(5):
        udp.recvfrom(2048)
    unix = socket.socket(socket.AF_UNIX)
    done["unix"] = unix.connect_ex(os.path.join(tmp, "no.sock"))
    for s in (client, conn, server, udp, unix):
        s.close()
    done["child"] = subprocess.Popen(["/bin/sh", "-c", "exit 7"])
    done["child"].wait()
    sleeper = subprocess.Popen(["/bin/sleep", "30"])
    time.sleep(0.1)
    os.kill(sleeper.pid, signal.SIGTERM)
    sleeper.wait()
    done["killed"] = sleeper.pid
    signal.signal(signal.SIGUSR1, lambda *_: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    thread = threading.Thread(target=lambda: done.update(tid=threading.get_native_id()))
    thread.start()
    thread.join()
    time.sleep(0.25)
    try:
        socket.getaddrinfo("kgent.invalid", 80)
    except OSError:
        pass
    os.getppid()
    name_me("kg-other")
    name_me(COMM)
    return done


def check(c, seen, done, tmp, watched):
    me = {"comm": COMM}
    mine = lambda card, **want: seen.mine(card, **me, **want)  # noqa: E731
    count = lambda what, card, want, **filters: card in watched and c.equal(what, len(mine(card, **filters)), want)  # noqa: E731
    total = lambda card, field, **f: sum(int(l[field]) for l in mine(card, **f) if field in l)  # noqa: E731
    missing = os.path.join(tmp, "missing")
    known = os.path.join(tmp, "known-file")
    count("opens of a missing file", "file-open", 4, filename=missing, error=errno.ENOENT)
    count("file descriptor of a failed open", "file-open", 0, filename=missing, fd=-errno.ENOENT)
    count("opens of the known file", "file-open", 1, filename=known, ok=1)
    c.equal("bytes written by write", total("file-write", "bytes", bytes=1000), 7000)
    count("pwritev", "file-write", 1, bytes=50)
    count("reads of 512 bytes", "file-read", 3, bytes=512)
    count("failed read has an error and no bytes", "file-read", 1, error=errno.EBADF)
    c.equal("failed read's bytes", [l for l in mine("file-read", error=errno.EBADF) if "bytes" in l], [])
    count("fsyncs", "fsync", 1, ok=1)
    count("truncation", "truncate", 1, length=4321)
    count("failed unlink", "file-unlink", 1, filename=missing, error=errno.ENOENT)
    count("unlink", "file-unlink", 1, filename=known + "2", ok=1)
    count("mkdir", "mkdir", 1, filename=os.path.join(tmp, "dir"), mode=0o750)
    count("rmdir", "rmdir", 1, filename=os.path.join(tmp, "dir"), ok=1)
    count("rmdir is no file deletion", "file-unlink", 0, filename=os.path.join(tmp, "dir"))
    count("rename", "file-rename", 1, oldname=known, newname=known + "2")
    count("symlink", "symlink", 1, target="target-of-link", linkname=os.path.join(tmp, "sym"))
    count("hard link", "hardlink", 1, target=known + "2", linkname=known + "3")
    count("chmod", "chmod", 1, filename=known + "2", mode=0o600)
    count("chown", "chown", 1, new_uid=12, new_gid=34)
    count("TCP connects over IPv4", "tcp-connect", 1, dport=4567, daddr="127.0.0.1", saddr="127.0.0.1", family=2)
    count("TCP connects over IPv6", "tcp-connect", 1, dport=4568, daddr="::1", saddr="::1", family=10)
    established = {"dport": done["port"], "sport": done["client_port"], "daddr": "::1", "saddr": "::1"}
    c.equal("established connections", len(seen.mine("tcp-connect-latency", **established)), 1)
    c.equal("set-ups of refused connections", len(seen.mine("tcp-connect-latency", dport=4567)), 0)
    c.equal("accepted connections", len(seen.mine("tcp-accept", sport=done["port"], dport=done["client_port"], daddr="::1")), 1)
    c.equal("resets sent", len(seen.mine("tcp-reset-sent", sport=4567, saddr="127.0.0.1", daddr="127.0.0.1")), 1)
    c.equal("resets sent over IPv6", len(seen.mine("tcp-reset-sent", sport=4568, saddr="::1", daddr="::1")), 1)
    c.equal("resets received", len(seen.mine("tcp-reset-received", dport=4568, daddr="::1")), 1)
    c.equal("bytes sent over TCP", total("tcp-send", "bytes", dport=done["port"]), 1234)
    c.equal("bytes received over TCP, peeking left out", total("tcp-receive", "bytes", sport=done["port"]), 1234)
    c.equal("received as the program saw it", done["received"], 1234)
    c.equal("UDP datagrams sent", [len(mine("udp-send", bytes=77)), total("udp-send", "bytes", bytes=77)], [5, 385])
    count("UDP datagrams received", "udp-receive", 5, bytes=77, sport=done["udp_port"])
    count("connect to a missing Unix socket", "unix-socket-connect", 1, path=os.path.join(tmp, "no.sock"), error=done["unix"])
    count("bind", "socket-bind", 1, addr="::1", family=10, ok=1)
    c.equal("lives of the connection's two sockets", len(seen.mine("tcp-lifetime", dport=done["port"])), 1)
    c.equal("exec of the child", len(seen.mine("exec", filename="/bin/sh", pid=done["child"].pid)), 1)
    c.equal("exit code", [l["code"] for l in seen.mine("exit", pid=done["child"].pid)], ["7"])
    c.equal("exit by a signal", [l["signal"] for l in seen.mine("exit", pid=done["killed"])], ["15"])
    count("creation of the child", "process-create", 1, child_pid=done["child"].pid)
    count("a child is no thread", "thread-create", 0, child_tid=done["child"].pid)
    count("new thread", "thread-create", 1, child_tid=done["tid"])
    c.equal("exit of the thread", len(seen.mine("thread-exit", tid=done["tid"], pid=os.getpid())), 1)
    c.equal("the thread's end is no process exit", len(seen.mine("exit", tid=done["tid"])), 0)
    count("kill call", "kill-syscall", 1, signal=15, target_pid=done["killed"])
    count("signal to the child", "signal-send", 1, signal=15, target_pid=done["killed"], target_comm="sleep")
    c.equal("delivered signal", len(seen.mine("signal-deliver", pid=os.getpid(), signal=int(signal.SIGUSR1))), 1)
    c.equal("a signal that kills is delivered as SIGKILL", len(seen.mine("signal-deliver", pid=done["killed"], signal=9)), 1)
    count("only the signal that kills is one", "process-kill", 1, target_pid=done["killed"])
    count("rename of this process", "process-rename", 1, newcomm="kg-other")
    count("look-up of a host", "dns-lookup", 1, host="kgent.invalid")
    naps = [int(l["us"]) for l in mine("nanosleep")]
    c.equal("a sleep of 250 ms", sum(250000 <= us < 400000 for us in naps), 1)
    off = [int(l["us"]) for l in seen.mine("offcpu", comm=COMM)] or [int(l["us"]) for l in seen.lines["offcpu"]]
    c.equal("off the CPU for 250 ms", any(250000 <= us < 400000 for us in off), True)
    count("getppid among all system calls", "syscall", 1, syscall=110, ret=os.getppid())


WATCHED = """file-open file-write file-read fsync truncate file-unlink mkdir rmdir file-rename symlink hardlink chmod chown tcp-connect
tcp-connect-latency tcp-accept tcp-reset-sent tcp-reset-received tcp-send tcp-receive udp-send udp-receive unix-socket-connect socket-bind
tcp-lifetime exec exit process-create thread-create thread-exit kill-syscall signal-send process-kill process-rename signal-deliver dns-lookup nanosleep offcpu
syscall""".split()


def run(cards, tmp, stimulus):
    text, watched = program(cards)
    source, output = os.path.join(tmp, "live.bt"), os.path.join(tmp, "out")
    with open(source, "w", encoding="utf-8") as f:
        f.write(text)
    with open(output, "wb") as out:
        tracer = subprocess.Popen(["bpftrace", "-q", "-B", "line", source], stdout=out, stderr=subprocess.PIPE,
                                  env=dict(os.environ, BPFTRACE_STRLEN="48", BPFTRACE_PERF_RB_PAGES="4096"))
    deadline = time.time() + 60
    while b"ready" not in open(output, "rb").read(200) and tracer.poll() is None and time.time() < deadline:
        time.sleep(0.1)
    if tracer.poll() is not None:
        print("skipped: bpftrace can't attach here:", tracer.stderr.read().decode(errors="replace")[-2000:])
        return None, None, watched
    time.sleep(0.5)
    done = stimulus(tmp)
    time.sleep(1)
    tracer.send_signal(signal.SIGINT)
    said = tracer.communicate(timeout=60)[1].decode(errors="replace")
    if "Lost" in said:
        print("note:", re.findall(r"Lost \d+ events", said))
    with open(output, encoding="utf-8", errors="replace") as f:
        return Seen(f.read()), done, watched


def main():
    if not shutil.which("bpftrace") or os.geteuid() != 0 or not cards_compile.TRACEFS:
        print("skipped: needs bpftrace, root and tracefs")
        return 77
    args = [a for a in sys.argv[1:] if a != "-v"]
    cards = json.loads(subprocess.run(args[:2], capture_output=True, text=True, check=True).stdout)
    name_me(COMM)
    checks, n = Checks(), 0
    for names, stimulus, compare in (
            (WATCHED, stimulate, lambda c, seen, done, tmp, watched: check(c, seen, done, tmp, watched)),
            (live_more.WATCHED, live_more.stimulate, lambda c, seen, done, tmp, _: live_more.check(c, seen, done, tmp, COMM))):
        with tempfile.TemporaryDirectory(prefix="kg", dir="/var/tmp") as tmp:
            seen, done, watched = run([c for c in cards if c["name"] in names], tmp, stimulus)
            if seen is None:
                return 77
            n += len(watched)
            compare(checks, seen, done, tmp, watched)
    for line in checks.failed:
        print("FAIL", line)
    print(f"{n} cards watched")
    print(f"{checks.n - len(checks.failed)} passed, {len(checks.failed)} failed, 0 skipped")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
