"""How long the window waits after Apply: ``python Testing/panel/bench_first_progress.py``.

T1 and T2 of 384 x 384 x 20 voxels, the real panel on the stand-in desktop, the real worker. Prints, for a cold and a
warm worker, the milliseconds until the first progress is drawn, until the worker has the job, and of the longest
single event.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "SpineMetSeg")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def main() -> None:
    import numpy as np

    from Testing.pythonqt import desktop

    with tempfile.TemporaryDirectory() as models:
        os.environ["SPINE_MODELS"] = models
        # In a process of its own, as nothing that the panel may have to import should be there already.
        command = (
            f"import sys; sys.path[:0] = {sys.path[:2]!r}; from SpineMetSegLib.selftest import brightSpotBundle; "
            f"brightSpotBundle({models + '/bright-spots-2d'!r})"
        )
        os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", command)
        with desktop() as here:
            import slicer

            here.load_module(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")
            rng = np.random.default_rng(0)
            for name in ("T1", "T2"):
                voxels = rng.integers(0, 900, (384, 384, 20)).astype(np.int16)
                slicer.util.addVolumeFromArray(voxels, np.diag([4.0, 1, 1, 1]), name)
            widget = here.open_panel("SpineMetSeg")
            here.show(400, 900)
            here.wait(lambda: False, 0.5)
            for worker in ("cold", "warm"):
                print(worker, _apply(here, widget))
            here.close_panel("SpineMetSeg")


def _apply(here, widget) -> dict[str, int]:
    events = here._application.processEvents
    start = time.perf_counter()
    widget.ui.segmentApplyButton.click()
    events()
    drawn, longest = time.perf_counter() - start, 0.0
    while widget.panel.jobs.worker.session.state != "running":
        before = time.perf_counter()
        events()
        longest = max(longest, time.perf_counter() - before)
    submitted = time.perf_counter() - start
    widget.ui.segmentCancelButton.click()
    here.wait(lambda: not widget.panel.jobs.busy, 5)
    return {
        "first progress ms": round(1000 * drawn),
        "worker has the job ms": round(1000 * submitted),
        "longest event ms": round(1000 * longest),
    }


if __name__ == "__main__":
    main()
