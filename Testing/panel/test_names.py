"""Every name the panels use exists in the real application; where its list is missing, these tests are skipped."""

from pathlib import Path

import pytest

from Testing.pythonqt import api, conformance

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = sorted(path.parents[2] for path in REPOSITORY.glob("Spine*/Resources/UI/*.ui"))
OWN = {module.name.lower() for module in MODULES} | {f"{module.name}Widget" for module in MODULES}
SOURCES = sorted(path for module in [*MODULES, REPOSITORY / "SpinePanel"] for path in module.rglob("*.py"))

pytestmark = pytest.mark.skipif(
    api.load() is None,
    reason=f"the application's list of names is not here ({api.api_file().name}; set SPINE_PYTHONQT_API)",
)


def widgets_of(path):
    module = next((module for module in MODULES if module in path.parents), None)
    return conformance.ui_widgets(module / "Resources" / "UI" / f"{module.name}.ui") if module else {}


def test_there_are_panels_to_look_at():
    assert [module.name for module in MODULES] and len(SOURCES) > 5


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_panel_uses_only_names_that_the_application_has(path):
    assert not conformance.problems_of_source(path.read_text(encoding="utf-8"), widgets_of(path), OWN, path.name)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_ui_file_uses_only_classes_and_properties_that_the_application_has(module):
    assert not conformance.problems_of_ui(module / "Resources" / "UI" / f"{module.name}.ui")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("qt.QFancyButton()", "no class qt.QFancyButton"),
        ("self.ui.applyButton.txt = 'a'", "qt.QPushButton has no attribute txt"),
        ("self.ui.applyButton.connect('clickd(bool)', f)", "no signal clickd"),
        ("self._slots = ((ui.applyButton, 'pushed()', f),)", "no signal pushed"),
        ("timer = qt.QTimer()\ntimer.connect('timedOut()', f)", "no signal timedOut"),
        ("self._a, self._b = ui.applyButton, 1\nself._a.enable()", "no attribute enable"),
        ("qt.Qt.AlignMiddle", "qt.Qt has no AlignMiddle"),
        ("slicer.util.chooseModule('Data')", "slicer.util has no chooseModule"),
        ("slicer.app.waitForIdle()", "slicer.app has no waitForIdle"),
        ("window = slicer.util.mainWindow()\nwindow.snapshot()", "qSlicerMainWindow has no attribute snapshot"),
        (
            "slicer.app.layoutManager().threeDWidget(0).threeDView().zoomToFit()",
            "qMRMLThreeDView has no attribute zoomToFit",
        ),
        ("slicer.modules.segmenteditr.logic()", "slicer.modules has no segmenteditr"),
        ("self.ui.aplyButton.click()", "no widget aplyButton"),
        ("from slicer.parameterNodeWrapper import InRange", "has no InRange"),
    ],
)
def test_a_planted_wrong_name_is_found(source, problem):
    found = conformance.problems_of_source(source, {"applyButton": "qt.QPushButton"}, OWN)
    assert len(found) == 1 and problem in found[0]


@pytest.mark.parametrize(
    "source",
    [
        "self.ui.applyButton.text = 'a'\nself.ui.applyButton.connect('clicked(bool)', f)",
        "timer = qt.QTimer()\ntimer.interval = 3\ntimer.connect('timeout()', f)",
        "slicer.util.selectModule('Data')\nslicer.app.testingEnabled()\nqt.Qt.AlignRight | qt.Qt.AlignVCenter",
    ],
)
def test_right_names_are_let_pass(source):
    assert not conformance.problems_of_source(source, {"applyButton": "qt.QPushButton"}, OWN)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('class="QProgressBar"', 'class="QProgresBar"', "no class qt.QProgresBar"),
        ('name="noneDisplay"', 'name="emptyText"', "no property emptyText"),
        ("<receiver>outputSelector</receiver>", "<receiver>outputChooser</receiver>", "outputChooser has no slot"),
    ],
)
def test_a_planted_wrong_name_in_a_ui_file_is_found(tmp_path, before, after, problem):
    text = (REPOSITORY / "SpineMetSeg" / "Resources" / "UI" / "SpineMetSeg.ui").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "x.ui").write_text(text.replace(before, after, 1), encoding="utf-8")
    assert any(problem in found for found in conformance.problems_of_ui(tmp_path / "x.ui"))
