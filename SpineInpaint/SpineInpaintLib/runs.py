"""The runs of the repair: nodes out of the scene, a job for the worker, its result back. No Qt here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from SpinePanel.i18n import tr as _
from SpinePanel.runs import load


class VertebraeRun:
    """What the user asked for when pressing Segment; later changes of the panel do not touch it.

    Args:
        ct: volume node.
        model: id of a model bundle, or its folder.
        settings: of the job.
    """

    job = "vertebrae"

    def __init__(self, ct, model, settings=None):
        self._ct, self._model, self._settings = ct, str(model), dict(settings or {})
        self._inputs = None

    def steps(self):
        """(text, callable) pairs that write the CT into the private folder; in pieces, since the window waits."""
        return [(_("Preparing the CT"), lambda folder: load("SimpleITK")), (_("Preparing the CT"), self._export)]

    @staticmethod
    def meanwhile():
        """Callables for the time the worker takes: what the result will need is imported by then."""
        return [lambda: load("scipy.ndimage")]

    def parameters(self, folder: Path) -> dict:
        return {"inputs": self._inputs.files, "model": self._model, "settings": self._settings}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.vertebrae.ImportedVertebrae``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.vertebrae import import_vertebrae

        return import_vertebrae(folder, result, self._inputs)

    def release(self) -> None:
        if self._inputs is not None:
            self._inputs.release()

    def _export(self, folder):
        from SpineLib.scene.runs import export_inputs

        self._inputs = export_inputs({"CT": self._ct}, folder)


class LesionRun(VertebraeRun):
    """A search for lesions.

    Args:
        vertebrae: segmentation node, or None.
    """

    job = "ct-lesions"

    def __init__(self, ct, model, vertebrae=None, settings=None):
        super().__init__(ct, model, settings)
        self._vertebrae, self._labels = vertebrae, None

    def parameters(self, folder: Path) -> dict:
        return super().parameters(folder) | {"labels": self._labels}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.ctlesions.ImportedCtLesions``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.ctlesions import import_ct_lesions

        return import_ct_lesions(result, self._inputs, folder)

    def _export(self, folder):
        from SpineLib.scene.vertebrae import collect_vertebrae
        from SpineLib.volume import write_volume

        super()._export(folder)
        if self._vertebrae is not None:
            self._labels = str(Path(folder) / "vertebrae.nrrd")
            write_volume(collect_vertebrae(self._vertebrae).labels, self._labels, compress=False)


class RepairRun:
    """One repair.

    Args:
        vertebra: (segmentation node, id of the segment).
        lesion: (segmentation node, segment ids or None).
        roi: markups ROI in its place, or None.
        ct: volume node; None: what the vertebrae were drawn on.
        settings: as ``SpineLib.tasks.inpainting.settings.InpaintSettings.from_dict`` takes them.
    """

    job = "inpaint"

    def __init__(self, vertebra, lesion, roi=None, ct=None, settings=None):
        self._vertebra, self._lesion, self._roi, self._ct = vertebra, lesion, roi, ct
        self._settings = dict(settings or {})
        self.damage = self._watch = None

    def steps(self):
        return [(_("Preparing the masks"), lambda folder: load("SimpleITK")), (_("Preparing the masks"), self._collect)]

    @staticmethod
    def meanwhile():
        return [lambda: load("scipy.ndimage")]

    def parameters(self, folder: Path) -> dict:
        return self.damage.parameters(folder)

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.repair.ImportedRepair``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.repair import import_repair

        return import_repair(folder, result, self.damage, self._watch)

    def release(self) -> None:
        if self._watch is not None:
            self._watch.release()

    def _collect(self, folder):
        from SpineLib.scene.repair import collect_damage
        from SpineLib.scene.runs import RunInputs
        from SpinePanel.runs import sourceVolume

        node, segment = self._vertebra
        ct = self._ct or sourceVolume(node)
        self.damage = collect_damage(node, segment, self._lesion, self._roi, ct, self._settings)
        self._watch = RunInputs({"vertebrae": node}, {})


class ModelRun:
    """The printable model of a repaired vertebra.

    Args:
        repaired: segmentation node.
        settings: as ``SpineLib.mesh.model.ModelSettings.from_dict`` takes them.
        existing: head of an earlier model whose nodes are filled anew.
    """

    job = "model"

    def __init__(self, repaired, settings=None, existing=None):
        self._repaired, self._settings, self._existing = repaired, dict(settings or {}), existing
        self.shape = self._watch = None

    def steps(self):
        return [(_("Preparing the mask"), lambda folder: load("SimpleITK")), (_("Preparing the mask"), self._collect)]

    @staticmethod
    def meanwhile():
        return []

    def parameters(self, folder: Path) -> dict:
        return self.shape.parameters(folder)

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.printmodel.ImportedModel``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.printmodel import import_model

        if self._watch.scene_closed:
            return None
        return import_model(folder, result, self.shape, existing=self._existing)

    def release(self) -> None:
        if self._watch is not None:
            self._watch.release()

    def _collect(self, folder):
        from SpineLib.scene.printmodel import collect_shape
        from SpineLib.scene.runs import RunInputs

        self.shape = collect_shape(self._repaired, self._settings)
        self._watch = RunInputs({}, {})


class ExportRun(ModelRun):
    """The model as a file.

    Args:
        path: where to; its ending says the format.
        space: "LPS" or "RAS", of the file's coordinates.
    """

    def __init__(self, repaired, settings, path, space="LPS"):
        super().__init__(repaired, settings)
        self._path, self._space = Path(path), space

    def parameters(self, folder: Path) -> dict:
        formats = [self._path.suffix.lower().lstrip(".")]
        return super().parameters(folder) | {"formats": formats, "space": self._space}

    def finish(self, result: dict, folder: Path) -> Path:
        """Move the file to where the user wants it.

        Raises:
            SpineError: the print gate refused the model, or the folder cannot be written.
        """
        from SpineLib.errors import SpineError

        if not result["passed"]:
            reasons = [check["text"] for check in result["checks"] if not check["passed"]]
            raise SpineError(
                _("The model was not written, as it would not print. {names}").format(names=" ".join(reasons))
            )
        part = self._path.with_name(f".{self._path.name}.part")
        try:
            shutil.copyfile(Path(folder) / result["files"][0], part)
            os.replace(part, self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise SpineError(_("The file cannot be written there: choose a folder that you may write to.")) from error
        return self._path
