"""One run: volumes out of the scene, a job for the worker, its result back into the scene. No Qt here."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from SpineLib.scene.runs import RunInputs

from SpinePanel.i18n import tr as _


class SegmentationRun:
    """What the user asked for when pressing Apply; later changes of the panel do not touch it.

    Args:
        inputs: sequence name to volume node, at least one; those without a node are left out.
        model: id of a model bundle, or its folder.
        threshold, smallestLesionMl, device: see ``SpineLib.tasks.segmentation.segment.SegmentSettings``; None: the
            model's own.
        output: segmentation node that gets the lesions as further segments; None: a new one.
        lowest: level of the lowest vertebra above the sacrum that is seen, "L4"; "": told by the sacrum.
        anywhere, anyway: keep lesions that touch no vertebra; use a scan that no model was made for.
    """

    job = "segment"

    def __init__(
        self,
        inputs,
        model,
        *,
        threshold=None,
        smallestLesionMl=None,
        device="auto",
        output=None,
        lowest="",
        anywhere=False,
        anyway=False,
    ):
        self.inputs = {name: node for name, node in inputs.items() if node is not None}
        self.model, self.output = str(model), output
        self.settings = {"threshold": threshold, "smallest_lesion_ml": smallestLesionMl, "device": device}
        self.settings |= {"lowest": lowest, "anywhere": anywhere, "anyway": anyway}
        self._exported: RunInputs | None = None

    def steps(self):
        """(text, callable) pairs that write the volumes into the private folder; in pieces, since the window waits."""
        return [
            (_("Preparing the images"), lambda folder: load("SimpleITK")),
            (_("Preparing the images"), self._export),
        ]

    @staticmethod
    def meanwhile():
        """Callables for the time the worker takes: what the result will need is imported by then."""
        return [lambda: load("scipy.ndimage"), lambda: load("scipy.spatial.distance")]

    def parameters(self, folder: Path) -> dict:
        """The job's parameters once all steps are done."""
        assert self._exported is not None
        settings = {name: value for name, value in self.settings.items() if value is not None}
        return {"inputs": self._exported.files, "model": self.model, "settings": settings}

    def finish(self, result: dict, folder: Path):
        """Bring the worker's result into the scene, all of it or nothing.

        Returns:
            ``SpineLib.scene.runs.ImportedResult``, or None when the scene was closed meanwhile.
        """
        from SpineLib.scene.runs import import_result

        assert self._exported is not None
        return import_result(folder, result, self._exported, existing=self.output)

    def release(self) -> None:
        """The run is over, in whatever way: stop watching the scene."""
        if self._exported is not None:
            self._exported.release()

    def _export(self, folder):
        from SpineLib.scene.runs import export_inputs

        self._exported = export_inputs(self.inputs, folder)


def load(module: str) -> None:
    """Import a module, in an event of its own."""
    importlib.import_module(module)


def runAndWait(run, progress=None):
    """Run a job in a worker of its own and wait for it: for scripts, the Python console and tests, not for panels.

    Args:
        run: :class:`SegmentationRun`, or anything with its job, steps, parameters, finish and release.
        progress: callable of fraction and text; raise ``SpineLib.errors.Cancelled`` in it to cancel.

    Returns:
        What the run's ``finish`` gives.

    Raises:
        SpineError, Cancelled.
    """
    from SpineLib.errors import Cancelled, SpineError
    from SpineLib.progress import silent
    from SpineLib.worker import PrivateFolder, SubprocessTransport, WorkerSession

    ended: list = []
    session = WorkerSession(SubprocessTransport)
    with PrivateFolder() as folder:
        try:
            for _text, step in run.steps():
                step(folder)
            session.submit(
                run.job,
                run.parameters(folder),
                folder,
                on_progress=progress or silent,
                on_result=ended.append,
                on_error=lambda message, details: ended.append(SpineError(message)),
                on_cancelled=lambda: ended.append(Cancelled(_("The run was cancelled."))),
            )
            while not ended:
                session.tick()
                time.sleep(0.02)
            if isinstance(ended[0], Exception):
                raise ended[0]
            return run.finish(ended[0], folder)
        finally:
            session.close()
            run.release()


def sourceVolume(segmentation):
    """The volume a segmentation was made from, or None."""
    from SpineLib.scene.results import source_volume

    return None if segmentation is None else source_volume(segmentation)
