"""The second half of the facts of live.py: waiting, memory, disks, packets, isolation."""
import ctypes
import fcntl
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PAGE = os.sysconf("SC_PAGE_SIZE")

WATCHED = """block-io block-io-submit page-fault-user packet-receive packet-transmit packet-queue runqueue-wait oncpu migration context-switch
wakeup exec-syscall process-wait futex-wait poll-select epoll-wait pipe-create dup chdir file-lock fcntl inotify directory-list file-access-check
readlink file-stat sendfile utimes mknod xattr-set fallocate memfd-create mmap munmap mprotect madvise socket-create socket-listen
socket-accept socket-connect socket-send socket-receive socket-option socket-shutdown namespace-create mount umount cgroup-create cgroup-remove
setuid setgid ptrace prctl setrlimit ioctl tcp-close tcp-state major-page-fault timer-fire softirq hrtimer-fire fork affinity-change
priority-change file-create getrandom chroot bpf-map-create bpf-load cpu-sample-user cpu-sample-kernel kill-syscall brk""".split()


def direct_write(tmp, done):
    """16 x 64 KiB past the page cache: that many requests, of that many bytes, to that device."""
    path = os.path.join(tmp, "direct")
    try:
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    except OSError:
        return
    os.posix_fallocate(fd, 0, 1 << 20)
    os.fsync(fd)
    buf = mmap.mmap(-1, 65536)
    buf.write(b"d" * 65536)
    for i in range(16):
        os.pwrite(fd, buf, i * 65536)
    dev = os.stat(path).st_dev
    done["direct"] = (16 * 65536, os.major(dev) << 20 | os.minor(dev))
    os.close(fd)


def files(tmp, done):
    path = os.path.join(tmp, "f")
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.write(fd, b"s" * 5000)
    os.access(path, os.R_OK)
    os.access(path + "-none", os.F_OK)
    os.stat(path)
    os.listdir(tmp)
    os.symlink("f", os.path.join(tmp, "l"))
    os.readlink(os.path.join(tmp, "l"))
    done["dup"] = os.dup2(fd, 77)
    done["fd"] = fd
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.lockf(fd, fcntl.LOCK_UN)
    os.lseek(fd, 0, 0)
    out = os.open(path + "-copy", os.O_CREAT | os.O_WRONLY)
    done["sendfile"] = os.sendfile(out, fd, 0, 5000)
    os.utime(path, (1, 1))
    os.mkfifo(os.path.join(tmp, "fifo"))
    LIBC.setxattr(path.encode(), b"user.kgent", b"1", 1, 0)
    LIBC.inotify_add_watch(LIBC.inotify_init1(0), tmp.encode(), 2)
    os.posix_fallocate(out, 0, 8192)
    os.close(os.memfd_create("kg-memory"))
    os.pipe()
    old = os.getcwd()
    os.chdir(tmp)
    os.chdir(old)


def waits(done):
    r, _ = os.pipe()
    select.select([r], [], [], 0.12)
    with select.epoll() as ep:
        ep.register(r, select.EPOLLIN)
        ep.poll(0.13)
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(0.15, lock.release).start()
    lock.acquire()
    child = subprocess.Popen(["/bin/true"])
    done["true"] = child.pid
    os.waitpid(child.pid, 0)
    child.returncode = 0
    try:
        os.execv("/nonexistent/program", ["x"])
    except OSError as e:
        done["exec"] = e.errno
    cpus = sorted(os.sched_getaffinity(0))
    done["cpus"] = cpus
    for cpu in cpus[:2] * 2:
        os.sched_setaffinity(0, [cpu])
    os.sched_setaffinity(0, cpus)
    os.setpriority(os.PRIO_PROCESS, 0, 1)


def memory(done):
    size = 300 * PAGE
    m = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    m.madvise(mmap.MADV_NOHUGEPAGE)
    done["mmap"] = ctypes.addressof(ctypes.c_char.from_buffer(m))
    for i in range(300):
        m[i * PAGE] = 1
    LIBC.mprotect(ctypes.c_void_p(done["mmap"]), ctypes.c_size_t(size), 1)
    done["mmap_size"] = size


def network(done):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    for _ in range(6):
        udp.sendto(b"p" * 1003, udp.getsockname())
    for _ in range(6):
        udp.recvfrom(4096)
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen(9)
    client = socket.create_connection(server.getsockname())
    conn, _ = server.accept()
    conn.shutdown(socket.SHUT_WR)
    done["port"] = server.getsockname()[1]
    done["client_port"] = client.getsockname()[1]
    for s in (conn, client, server):
        s.close()


def in_child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


def isolation(tmp, done):
    done["ptraced"] = in_child(lambda: LIBC.ptrace(0, 0, 0, 0))
    in_child(lambda: (os.setresgid(4321, 4321, 4321), os.setresuid(1234, 1234, 1234)))
    in_child(lambda: LIBC.unshare(0x04000000))

    def mounts():
        LIBC.unshare(0x00020000)
        LIBC.mount(b"none", b"/", None, 0x44000, None)
        LIBC.mount(b"kg-source", tmp.encode(), b"tmpfs", 0, None)
        LIBC.umount2(tmp.encode(), 0)
    in_child(mounts)
    in_child(lambda: os.chroot(tmp))
    LIBC.prctl(38, 0, 0, 0, 0)
    resource.getrlimit(resource.RLIMIT_NOFILE)
    os.getrandom(33)
    done["cgroup"] = next((d for d in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(d + "/cgroup.procs")), None)
    if done["cgroup"]:
        path = os.path.join(done["cgroup"], "kg-live-test")
        try:
            os.mkdir(path)
            os.rmdir(path)
        except OSError:
            done["cgroup"] = None
    attr = (ctypes.c_uint32 * 18)(2, 4, 8, 17)
    done["map"] = LIBC.syscall(321, 0, ctypes.byref(attr), 72)
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xb7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0))  # r0 = 0; exit
    licence = ctypes.create_string_buffer(b"GPL")
    load = struct.pack("<IIQQIIQII16s", 1, 2, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0, b"kg_prog")
    done["prog"] = LIBC.syscall(321, 5, ctypes.create_string_buffer(load, 128), 120)
    fcntl.ioctl(1, 0x5401, b"\0" * 64) if os.isatty(1) else None


def stimulate(tmp):
    done = {"pid": os.getpid()}
    direct_write(tmp, done)
    files(tmp, done)
    waits(done)
    memory(done)
    network(done)
    isolation(tmp, done)
    os.kill(os.getpid(), 0)
    return done


def disk_and_packets(c, seen, done, comm):
    if "direct" in done:
        # a write that crosses two extents of the file is two requests, and the file's inode is written besides; on a busy disk a request can
        # be handed to the device by a kernel thread, and is then not this process's: what was submitted (below) is exact
        size, device = done["direct"]
        writes = seen.mine("block-io", comm=comm, operation=1)
        c.equal("direct writes reach the disk", 65536 <= sum(int(l["bytes"]) for l in writes) <= size + 131072, True)
        c.equal("whole ones among them", sum(int(l["bytes"]) == 65536 for l in writes) >= 1, True)
        c.equal("the disk", {int(l["device"]) for l in writes}, {device})
        c.equal("completed without an error", {l.get("ok") for l in writes}, {"1"})
        sectors = sum(int(l["sectors"]) for l in seen.mine("block-io-submit", comm=comm, operation=1))
        c.equal("sectors submitted", size <= sectors * 512 <= size + 131072, True)
    length = 1003 + 8 + 20
    c.equal("packets received on lo", len(seen.mine("packet-receive", device="lo", bytes=length)), 6)
    c.equal("packets transmitted on lo", len(seen.mine("packet-transmit", device="lo", bytes=length + 14, ok=1)), 6)
    c.equal("TCP sockets closed", len(seen.mine("tcp-close", sport=done["port"], dport=done["client_port"])), 1)
    states = [(int(l["oldstate"]), int(l["newstate"])) for l in seen.mine("tcp-state", sport=done["client_port"], dport=done["port"])]
    c.equal("the client goes from SYN_SENT to ESTABLISHED", (2, 1) in states, True)


def scheduling(c, seen, done, comm):
    moves = {(int(l["orig_cpu"]), int(l["dest_cpu"])) for l in seen.mine("migration", comm=comm, tid=done["pid"])}
    if len(done["cpus"]) > 1:
        a, b = done["cpus"][:2]
        c.equal("moves between the two CPUs", (a, b) in moves and (b, a) in moves, True)
    waited = seen.mine("runqueue-wait", comm=comm, tid=done["pid"])
    c.equal("waited in the run queue", bool(waited) and max(int(l["us"]) for l in waited) < 5_000_000, True)
    runs = seen.mine("oncpu", tid=done["pid"])
    c.equal("ran on a CPU, as itself", {l["comm"] for l in runs}, {comm})
    c.equal("switched away", len(seen.mine("context-switch", prev_tid=done["pid"], prev_comm=comm)) > 0, True)
    c.equal("was woken", len(seen.mine("wakeup", tid=done["pid"])) > 0, True)
    c.equal("pinned itself", len(seen.mine("affinity-change", comm=comm, target_tid=0, ok=1)), 5)
    c.equal("changed its priority", len(seen.mine("priority-change", comm=comm, target=0)), 1)


def check(c, seen, done, tmp, comm):
    mine = lambda card, **want: seen.mine(card, comm=comm, **want)  # noqa: E731
    at = lambda name: os.path.join(tmp, name)  # noqa: E731
    one = lambda what, card, n=1, **want: c.equal(what, len(mine(card, **want)), n)  # noqa: E731
    lasted = lambda card, low, high, **want: sum(low <= int(l["us"]) < high for l in mine(card, **want))  # noqa: E731
    disk_and_packets(c, seen, done, comm)
    scheduling(c, seen, done, comm)
    one("access of a file that is there", "file-access-check", filename=at("f"), mode=4, ok=1)
    one("access of one that is not", "file-access-check", filename=at("f-none"), error=2)
    one("stat", "file-stat", filename=at("f"), ok=1)
    one("readlink", "readlink", filename=at("l"))
    one("dup2", "dup", oldfd=done["fd"], newfd=77)
    one("flock", "file-lock", fd=done["fd"], cmd=2, ok=1)
    one("fcntl lock (F_SETLKW)", "file-lock", fd=done["fd"], cmd=7, ok=1)
    one("sendfile", "sendfile", bytes=5000, in_fd=done["fd"])
    one("utime", "utimes", filename=at("f"))
    one("FIFO", "mknod", filename=at("fifo"), ok=1)
    one("extended attribute", "xattr-set", filename=at("f"), attribute="user.kgent")
    one("inotify watch", "inotify", filename=tmp, mask=2)
    one("space", "fallocate", length=8192)
    one("memory file", "memfd-create", name="kg-memory")
    one("change of directory", "chdir", filename=tmp)
    one("opens with O_CREAT", "file-create", filename=at("f"), ok=1)
    c.equal("a select of 120 ms", lasted("poll-select", 120000, 200000, ready=0), 1)
    c.equal("an epoll of 130 ms", lasted("epoll-wait", 130000, 200000, events=0), 1)
    c.equal("a lock of 150 ms", lasted("futex-wait", 140000, 250000) >= 1, True)
    one("wait for a child", "process-wait", waited=done["true"], child_pid=done["true"])
    one("exec of a missing program", "exec-syscall", filename="/nonexistent/program", error=done["exec"])
    faults = [l for l in mine("page-fault-user") if done["mmap"] <= int(l["address"]) < done["mmap"] + done["mmap_size"]]
    pages = {int(l["address"]) // PAGE for l in faults}  # a fault can come twice (another CPU was quicker, a signal)
    c.equal("page faults of 300 pages, written", [len(pages), len(faults) < 360, {l["write"] for l in faults}], [300, True, {"1"}])
    one("mmap", "mmap", bytes=done["mmap_size"], fd=-1, ok=1)
    one("mprotect to read only", "mprotect", bytes=done["mmap_size"], prot=1, ok=1)
    one("madvise", "madvise", bytes=done["mmap_size"], advice=15)
    one("listen", "socket-listen", backlog=9, ok=1)
    one("accept", "socket-accept", ok=1)
    one("connect", "socket-connect", daddr="127.0.0.1", dport=done["port"], family=2, ok=1)
    one("sends", "socket-send", 6, bytes=1003)
    one("receives", "socket-receive", 6, bytes=1003)
    one("datagram socket", "socket-create", family=2, type=2, ok=1)
    one("shutdown for writing", "socket-shutdown", how=1)
    one("socket option", "socket-option", level=1, option=2)
    one("namespace", "namespace-create", flags=0x04000000)
    one("mount", "mount", source="kg-source", target=tmp, fstype="tmpfs", ok=1)
    one("unmount", "umount", target=tmp, ok=1)
    one("change of root", "chroot", filename=tmp, ok=1)
    one("another user", "setuid", new_uid=1234, ok=1)
    one("another group", "setgid", new_gid=4321, ok=1)
    c.equal("ptrace by the child", len(seen.mine("ptrace", pid=done["ptraced"], request=0)), 1)
    one("prctl", "prctl", option=38)
    one("random bytes", "getrandom", bytes=33)
    one("resource limit", "setrlimit", resource=7)
    one("signal 0", "kill-syscall", signal=0, target_pid=done["pid"])
    one("BPF map", "bpf-map-create", type=2, entries=17)
    one("BPF program", "bpf-load", type=1, name="kg_prog", instructions=2, ok=1)
    if done["cgroup"]:
        one("cgroup", "cgroup-create", path="/kg-live-test")
        one("cgroup removed", "cgroup-remove", path="/kg-live-test")
    c.equal("softirqs are handled on all kernels", len(seen.lines["softirq"]) > 0, True)
    c.equal("timers fire", len(seen.lines["hrtimer-fire"]) > 0, True)
