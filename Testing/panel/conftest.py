"""The panel on the stand-in desktop, with tiny models and a small phantom in a real scene."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from Testing.panel.patients import draw

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py"
NECROSIS = REPOSITORY / "SpineNecrosis" / "SpineNecrosis.py"
INPAINT = REPOSITORY / "SpineInpaint" / "SpineInpaint.py"
SCENE_NODES = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTableNode", "vtkMRMLLabelMapVolumeNode")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A catalogue of tiny hand-made models: T1+T2 and T1 in 2D, T1+T2 in 3D."""
    folder = tmp_path_factory.mktemp("panel-models")
    sys.path.insert(0, str(MODULE.parent))
    try:
        from SpineMetSegLib.selftest import brightSpotBundle
    finally:
        sys.path.remove(str(MODULE.parent))
    brightSpotBundle(folder / "bright-spots-2d")
    brightSpotBundle(folder / "bright-spots-t1-2d", inputs=("T1",), identifier="bright-spots-t1-2d")
    brightSpotBundle(folder / "bright-spots-3d", dimensions=3, identifier="bright-spots-3d")
    for name in [name for name in sys.modules if name.startswith("SpineMetSegLib")]:
        del sys.modules[name]
    return folder


@pytest.fixture(scope="module")
def desktop(model_folder, tmp_path_factory):
    """The stand-in, the module loaded, only the tiny models installed; no Python error may get lost in a slot."""
    from Testing.pythonqt import desktop as stand_in

    before = {name: os.environ.get(name) for name in ("SPINE_MODELS", "TMPDIR", "OMP_NUM_THREADS")}
    temporary = tmp_path_factory.mktemp("temporary")
    os.environ.update(SPINE_MODELS=str(model_folder), TMPDIR=str(temporary), OMP_NUM_THREADS="1")
    import tempfile

    tempfile.tempdir = None
    with stand_in() as here:
        from SpineLib.models import catalogue

        bundled, catalogue.bundled_folders = catalogue.bundled_folders, lambda: []
        here.temporary = temporary
        here.load_module(MODULE)
        yield here
        catalogue.bundled_folders = bundled
        assert not here.errors
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    tempfile.tempdir = None


@pytest.fixture
def open_panel(desktop):
    """Opens the panel on an empty scene; closes it, and all workers, at the end."""
    desktop.slicer.mrmlScene.Clear(0)
    opened = []

    def open_():
        opened.append(desktop.open_panel("SpineMetSeg"))
        return opened[-1]

    yield open_
    if "SpineMetSeg" in desktop._widgets:
        desktop.close_panel("SpineMetSeg")
    errors, desktop.errors[:] = list(desktop.errors), []
    assert not errors


@pytest.fixture
def phantom(open_panel):
    """The panel with a phantom's T1 and T2 chosen by themselves, and the truth as a mask (k, j, i)."""
    from SpineMetSegLib.selftest import phantomNodes

    t1, t2, truth = phantomNodes()
    return SimpleNamespace(t1=t1, t2=t2, truth=truth, widget=open_panel())


@pytest.fixture
def scene_names(desktop):
    """Names of the scene's data nodes, for "the scene is as it was"."""
    import slicer

    return lambda: sorted(node.GetName() for kind in SCENE_NODES for node in slicer.util.getNodesByClass(kind))


@pytest.fixture
def is_red(desktop):
    """Whether a label holds a sentence in the colour of errors."""
    from SpinePanel import style

    return lambda label: label.styleSheet == style.sentence("error")


@pytest.fixture(scope="module")
def inpaint(desktop):
    """The stand-in with the module SpineInpaint loaded, too."""
    desktop.load_module(INPAINT)
    return desktop


@pytest.fixture
def open_inpaint(inpaint):
    """Opens the panel on an empty scene; closes it, and its worker, at the end."""
    inpaint.slicer.mrmlScene.Clear(0)
    yield lambda: inpaint.open_panel("SpineInpaint")
    if "SpineInpaint" in inpaint._widgets:
        inpaint.close_panel("SpineInpaint")
    errors, inpaint.errors[:] = list(inpaint.errors), []
    assert not errors


@pytest.fixture
def damaged(open_inpaint):
    """CT and vertebrae chosen by themselves, the lesion by the test."""
    from SpineInpaintLib.selftest import phantomNodes

    ct, vertebrae, lesion = phantomNodes()
    widget = open_inpaint()
    widget.ui.lesionSelector.setCurrentNode(lesion)
    return SimpleNamespace(
        ct=ct, vertebrae=vertebrae, lesion=lesion, widget=widget, ui=widget.ui, node=widget._parameterNode
    )


@pytest.fixture(scope="module")
def necrosis(desktop):
    """The stand-in with the module SpineNecrosis loaded, too."""
    desktop.load_module(NECROSIS)
    return desktop


@pytest.fixture
def open_necrosis(necrosis):
    """Opens the panel on an empty scene; closes it, and its worker, at the end."""
    necrosis.slicer.mrmlScene.Clear(0)
    yield lambda: necrosis.open_panel("SpineNecrosis")
    if "SpineNecrosis" in necrosis._widgets:
        necrosis.close_panel("SpineNecrosis")
    errors, necrosis.errors[:] = list(necrosis.errors), []
    assert not errors


@pytest.fixture
def asked(necrosis, monkeypatch):
    """Questions the user was asked, and what is answered."""
    import slicer

    asked = SimpleNamespace(questions=[], answer=True)

    def confirm(text, windowTitle=None, parent=None, **options):
        asked.questions.append(text)
        return asked.answer

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", confirm)
    return asked


@pytest.fixture
def patient(open_necrosis, asked):
    """Both scans chosen by themselves, metastasis and necrosis drawn."""
    from SpineNecrosisLib.selftest import METASTASIS, NECROSIS, SHIFT_MM, phantomNodes

    before, after = phantomNodes()
    metastasis = draw(before, "metastasis", *METASTASIS)
    necrosis = draw(after, "zone", np.add(NECROSIS[0], SHIFT_MM), NECROSIS[1])
    widget = open_necrosis()
    widget.ui.metastasisSelector.setCurrentNode(metastasis)
    widget.ui.necrosisSelector.setCurrentNode(necrosis)
    return SimpleNamespace(
        before=before, after=after, metastasis=metastasis, necrosis=necrosis, widget=widget, ui=widget.ui, asked=asked
    )
