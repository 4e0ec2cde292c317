#!/usr/bin/env python3
"""Run a command on a terminal of its own, type TEXT when it asks, and print all that the terminal showed.

  terminal.py [--at PROMPT] TEXT COMMAND...    the exit code is the command's; "^C" in TEXT is Ctrl-C; "" types nothing

Standard output of the command is the terminal, too. TEXT is typed once PROMPT ("[y/N]") has appeared.
"""
import os
import pty
import select
import sys
import time

LIMIT_S = 120


def main():
    prompt = b"[y/N]"
    if sys.argv[1] == "--at":
        prompt = sys.argv[2].encode()
        del sys.argv[1:3]
    typed, command = sys.argv[1].replace("\\n", "\n").replace("^C", "\x03"), sys.argv[2:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown, asked, end = b"", False, time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the other side is gone
                break
            if not data:
                break
            shown += data
        if typed and not asked and prompt in shown:
            asked = True
            os.write(terminal, typed.encode())
    else:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    sys.stdout.buffer.write(shown)
    return os.waitstatus_to_exitcode(status) & 0xff


if __name__ == "__main__":
    sys.exit(main())
