"""Runs a command on a terminal of its own: pty_run.py MARK ACT COMMAND…

When MARK shows, ACT is done: `close` closes the terminal, anything else is typed (\\n and \\x03 are
understood). Prints the exit code (negative for a signal), then what was shown.
"""
import os
import pty
import sys

mark, act, command = sys.argv[1].encode(), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown = b""
acted = False
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if mark in shown and not acted:
        acted = True
        if act == "close":
            break
        os.write(terminal, act.encode().decode("unicode_escape").encode())
os.close(terminal)
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), flush=True)
sys.stdout.buffer.write(shown)
