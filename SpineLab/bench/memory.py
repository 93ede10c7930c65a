"""The memory that a measured process took."""

from __future__ import annotations

import sys


def peak_gb() -> float:
    """Largest resident memory of this process, GB."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        counters = (ctypes.c_size_t * 10)()
        process = ctypes.windll.kernel32.GetCurrentProcess
        process.restype = wintypes.HANDLE
        ctypes.windll.psapi.GetProcessMemoryInfo(wintypes.HANDLE(process()), counters, ctypes.sizeof(counters))
        return counters[1] / 1e9  # PeakWorkingSetSize, behind cb and PageFaultCount
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
