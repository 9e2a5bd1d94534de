"""What looks at stacks: faulthandler's C stack, sys.monitoring, sys.remote_exec()."""

import faulthandler
import os
import sys
import tempfile
import threading


def dumped():
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_c_stack(file)
        faulthandler.dump_traceback(file, all_threads=False)
        file.seek(0)
        text = file.read().decode()
    return "C stack" in text, "in dumped" in text


def monitored():
    seen = []
    monitoring = sys.monitoring
    monitoring.use_tool_id(monitoring.PROFILER_ID, "test")
    try:
        monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.BRANCH_LEFT,
                                     lambda code, source, target: seen.append(code.co_name))
        monitoring.set_local_events(monitoring.PROFILER_ID, branches.__code__,
                                    monitoring.events.BRANCH_LEFT)
        branches(3)
    finally:
        monitoring.set_local_events(monitoring.PROFILER_ID, branches.__code__, 0)
        monitoring.free_tool_id(monitoring.PROFILER_ID)
    return sorted(set(seen))


def branches(number):
    for i in range(number):
        if i > 1:
            return i


def answer(name):
    return [dumped(), monitored(), sys.is_remote_debug_enabled(), hasattr(sys, "remote_exec")]
