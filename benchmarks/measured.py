"""Runs a command and prints how long it took and the most memory that it had resident: measured.py OUTPUT COMMAND…

A process of its own, small: the kernel counts what a process was before it became another program, so that a child of the
driver, with its SDK loaded, would never look smaller than the driver.
"""

import json
import os
import sys
import time

output, command = sys.argv[1], sys.argv[2:]
out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
began = time.monotonic()
pid = os.posix_spawn(
    command[0],
    command,
    os.environ,
    file_actions=[(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)],
)
_, status, usage = os.wait4(pid, 0)
print(
    json.dumps(
        {
            "status": os.waitstatus_to_exitcode(status),
            "seconds": time.monotonic() - began,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_mib": usage.ru_maxrss / 1024,  # Linux counts it in KiB
        }
    )
)
