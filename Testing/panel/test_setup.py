"""Missing packages, sample data, the module's own test, and the module file as Slicer first meets it."""

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def pretend_missing(monkeypatch, *names):
    """Make the panel's check find these packages absent."""
    import importlib.util
    from importlib import metadata

    found, version = importlib.util.find_spec, metadata.version

    def no_version(name):
        if name in names:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in names else found(name, *rest))
    monkeypatch.setattr(metadata, "version", no_version)


def test_nothing_is_missing_here_so_set_up_is_hidden(open_panel):
    assert open_panel().ui.setupSection.isHidden()


def test_without_torch_apply_is_off_and_install_names_the_extension(phantom, desktop, monkeypatch):
    desktop.close_panel("SpineMetSeg")
    pretend_missing(monkeypatch, "torch")
    ui = desktop.open_panel("SpineMetSeg").ui
    assert not ui.setupSection.isHidden() and "torch" in ui.setupLabel.text
    assert not ui.segmentApplyButton.enabled and "Press Install first" in ui.segmentApplyButton.toolTip
    ui.installButton.click()
    assert "Install the extension PyTorch in the Extensions Manager" in ui.setupLabel.text


@pytest.mark.parametrize(
    "version, words, blocked",
    [
        ("1.13.1", "too old", True),
        ("2.2.2", "older than what the models were measured with", False),
        ("2.13.0", "", False),
    ],
)
def test_the_version_of_torch_is_looked_at_and_told(phantom, desktop, monkeypatch, version, words, blocked):
    """Slicer for Macs with Intel processors brings torch 2.2, built for numpy 1, beside numpy 2."""
    from importlib import metadata

    known = metadata.version
    desktop.close_panel("SpineMetSeg")
    monkeypatch.setattr(metadata, "version", lambda name: version if name == "torch" else known(name))
    ui = desktop.open_panel("SpineMetSeg").ui
    assert ui.setupSection.isHidden() == (not words) and words in ui.setupLabel.text
    assert ui.installButton.isHidden() == (not blocked)
    assert ("Press Install first" in ui.segmentApplyButton.toolTip) == blocked


def test_torch_is_installed_by_the_extension_pytorch(open_panel, monkeypatch):
    asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation=False):
            asked.append(askConfirmation)
            monkeypatch.undo()
            return object()

    pretend_missing(monkeypatch, "torch")
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    widget = open_panel()
    widget.ui.installButton.click()
    assert asked == [True]
    assert widget.ui.setupSection.isHidden()


def test_other_packages_are_installed_by_slicer_and_never_replace_its_own(open_panel, desktop, monkeypatch):
    pretend_missing(monkeypatch, "safetensors")
    desktop.packaging.missing.add("safetensors")
    widget = open_panel()
    assert "safetensors" in widget.ui.setupLabel.text
    widget.ui.installButton.click()
    (requirements, kept, requester) = desktop.packaging.installed[-1]
    desktop.packaging.missing.clear()
    assert [one.split(">")[0] for one in requirements] == ["safetensors"]
    assert {"torch", "SimpleITK", "numpy", "vtk"} <= set(kept) and requester == "Spine Metastasis Segmentation"
    assert "Still missing: safetensors" in widget.ui.setupLabel.text


def test_the_installer_is_found_by_the_name_that_it_has_after_5_12(desktop, monkeypatch):
    from SpinePanel import packages

    finders = [one for one in sys.meta_path if getattr(one, "module", None) is not desktop.packaging]
    monkeypatch.setattr(sys, "meta_path", finders)
    monkeypatch.delitem(sys.modules, "slicer.packaging", raising=False)
    assert packages._slicersPackaging() is None
    monkeypatch.setitem(sys.modules, "slicer.pydeps", desktop.packaging)
    assert packages._slicersPackaging() is desktop.packaging


def test_a_declined_installation_is_one_sentence(open_panel, desktop, monkeypatch):
    def decline(*arguments, **options):
        raise RuntimeError("User declined package installation")

    pretend_missing(monkeypatch, "safetensors")
    monkeypatch.setattr(desktop.packaging, "pip_ensure", decline)
    widget = open_panel()
    widget.ui.installButton.click()
    assert widget.ui.setupLabel.text == "The packages were not installed: press Install again to do so."


def test_the_simulated_spine_is_in_sample_data_and_ready_to_segment(open_panel, desktop):
    import SampleData
    import slicer

    slicer.app.startupCompleted()
    slicer.app.startupCompleted()
    (source,) = slicer.modules.sampleDataSources["Spine Oncology"]
    assert "Simulated" in source.sampleName and Path(source.thumbnailFileName).is_file()
    t1, t2, truth = SampleData.click(source.sampleName)
    assert truth.GetSegmentation().GetNumberOfSegments() == 3
    ui = open_panel().ui
    assert ui.t1Selector.currentNode() is t1 and ui.t2Selector.currentNode() is t2


def module_object():
    """What Slicer makes of the module's class: a new one, as at another start."""
    import SpineMetSeg

    return SpineMetSeg.SpineMetSeg(types.SimpleNamespace(path=SpineMetSeg.__file__))


def test_sample_data_and_terminologies_come_when_the_application_has_started(open_panel, monkeypatch):
    """Modules are made before the first of them is loaded: nothing to register with is there yet."""
    import slicer

    registered = slicer.modules.sampleDataSources
    registered.clear()
    with monkeypatch.context() as patch:
        patch.delattr(slicer.modules, "terminologies")
        module_object()
    assert not registered
    slicer.app.startupCompleted()
    assert registered["Spine Oncology"]


def test_a_module_that_is_loaded_late_registers_at_once(open_panel):
    """A module that a script or the developer adds to a running application never hears of its start."""
    import slicer

    slicer.modules.sampleDataSources.clear()
    module_object()
    assert slicer.modules.sampleDataSources["Spine Oncology"]


def test_a_slicer_without_the_module_sample_data_still_loads_the_module(open_panel, monkeypatch):
    import slicer

    slicer.modules.sampleDataSources.clear()
    monkeypatch.setitem(sys.modules, "SampleData", None)
    assert module_object().parent.title
    assert not slicer.modules.sampleDataSources


def test_a_sample_that_needs_what_is_missing_says_so_in_one_sentence(open_panel, monkeypatch):
    import slicer

    from SpineMetSegLib import sampledata

    def lacks_torch(seed):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    told = []
    monkeypatch.setattr(slicer.util, "errorDisplay", told.append)
    monkeypatch.setattr(sampledata, "loadSimulatedCase", lacks_torch)
    assert sampledata.simulateSample() == []
    (sentence,) = told
    assert "needs the Python package torch" in sentence and "Set-up" in sentence


def test_the_modules_own_test_passes(open_panel):
    import slicer

    slicer.selfTests["SpineMetSeg"]()
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_the_modules_own_test_says_why_it_is_skipped(open_panel, monkeypatch, caplog):
    import slicer

    pretend_missing(monkeypatch, "torch")
    with caplog.at_level("INFO"):
        slicer.selfTests["SpineMetSeg"]()
    assert "skipped, not installed: torch" in caplog.text


@pytest.mark.parametrize("module", ["SpineMetSeg", "SpineNecrosis", "SpineInpaint"])
def test_without_torch_ctest_tests_the_panel_and_skips_the_run(desktop, necrosis, inpaint, monkeypatch, module):
    """As the extension factory does: Slicer's ctest runs the class by unittest, not by the module's runTest."""
    import unittest

    pretend_missing(monkeypatch, "torch")
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromName(f"{module}.{module}Test").run(result)
    if module in desktop._widgets:
        desktop.close_panel(module)
    assert result.wasSuccessful(), (result.failures, result.errors)
    assert result.testsRun == 3 and not desktop.errors
    ((_, reason),) = result.skipped
    assert "torch" in reason


def test_the_modules_own_test_leaves_the_module_as_it_was(open_panel, desktop, monkeypatch):
    """The developer's Reload and Test runs while the module is shown."""
    import slicer

    pretend_missing(monkeypatch, "torch")
    widget = open_panel()
    slicer.selfTests["SpineMetSeg"]()
    assert widget.parent.isEntered and widget._parameterNode is not None


def test_a_script_gets_the_same_mask_as_the_panel(phantom, desktop):
    import slicer

    phantom.widget.ui.segmentApplyButton.click()
    assert desktop.wait(lambda: not phantom.widget.panel.jobs.busy, 120)
    by_panel = phantom.widget._parameterNode.result
    by_script = phantom.widget.logic.segment(t1=phantom.t1, t2=phantom.t2)
    assert by_script is not by_panel
    for n in range(2):
        masks = [
            slicer.util.arrayFromSegmentBinaryLabelmap(node, node.GetSegmentation().GetNthSegmentID(n), phantom.t1)
            for node in (by_panel, by_script)
        ]
        assert masks[0].any() and np.array_equal(*masks)


def test_a_script_without_volumes_gets_one_sentence(open_panel):
    from SpineLib.errors import SpineError

    with pytest.raises(SpineError, match="No volume is selected"):
        open_panel().logic.segment()


def test_the_module_finds_the_backend_when_only_its_folder_was_added(tmp_path):
    """As a developer does it: the parent folder is not on Python's path, and nothing heavy is imported at start-up."""
    script = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from Testing.pythonqt import desktop
with desktop() as here:
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path({str(REPOSITORY)!r})]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    assert not any(name.startswith("SpineLib") for name in sys.modules)
    here.load_module(Path({str(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")!r}))
    heavy = {{"torch", "SimpleITK", "skimage", "scipy"}} & set(sys.modules)
    assert not heavy, heavy
    import SpineLib
    here.open_panel("SpineMetSeg")
    assert not {{"torch", "skimage"}} & set(sys.modules)
    here.close_panel("SpineMetSeg")
print("found")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    assert done.stdout.strip().endswith("found"), done.stderr[-2000:]


def test_another_spinelib_in_slicers_python_does_not_get_in_the_way(tmp_path):
    """The wheel, installed for the shell, holds SpineLib alone, maybe of another version."""
    (tmp_path / "site" / "SpineLib").mkdir(parents=True)
    (tmp_path / "site" / "SpineLib" / "__init__.py").write_text("raise ImportError('the wrong one')")
    script = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from Testing.pythonqt import desktop
with desktop() as here:
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path({str(REPOSITORY)!r})]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    sys.path.append({str(tmp_path / "site")!r})
    here.load_module(Path({str(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")!r}))
    import SpineLib, SpinePanel
    from SpineLib.worker import worker_command
    print(Path(SpineLib.__file__).parents[1] == Path(SpinePanel.__file__).parents[1] == Path({str(REPOSITORY)!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    assert done.stdout.strip().endswith("True"), done.stderr[-2000:]
