"""The extension's own terminology lists: readable by Slicer, with codes as DICOM has them."""

from __future__ import annotations

import json

import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.scene import terminology  # noqa: E402
from SpineLib.tasks.segmentation.naming import ALTERED_STRUCTURE, NECROSIS, Code, terminology_entry  # noqa: E402

#: Not in the DICOM tables; see the folder's README for their source.
SNOMED_ONLY = {"65985001", "3572006"}
#: The code is DICOM's; the words (and the last one's group) are those of Slicer's own lists.
SLICERS_WORDING = {"49755003", "123037004", "86049000"}


def codes():
    """(value, meaning, context group) of every code in the extension's lists."""
    types = json.loads((terminology.FOLDER / "SpineOncology.term.json").read_text(encoding="utf-8"))
    regions = json.loads((terminology.FOLDER / "SpineOncologyAnatomy.term.json").read_text(encoding="utf-8"))
    entries = [*regions["AnatomicCodes"]["AnatomicRegion"]]
    for category in types["SegmentationCodes"]["Category"]:
        entries += [category, *category["Type"]]
    return [(entry["CodeValue"], entry["CodeMeaning"], entry.get("cid")) for entry in entries]


def test_slicer_loads_both_lists(scene):
    assert terminology.register_terminologies() == ["SpineOncology.term.json", "SpineOncologyAnatomy.term.json"]
    logic = slicer.modules.terminologies.logic()
    assert logic.IsTerminologyContextLoaded("Segmentation category and type - SpineOncology")
    assert logic.GetNumberOfRegionsInRegionContext("Anatomic codes - SpineOncology") == 35


def test_slicer_without_the_terminologies_module_is_no_error(scene, monkeypatch):
    monkeypatch.delattr(slicer.modules, "terminologies")
    assert terminology.register_terminologies() == []


def test_every_vertebra_from_c1_to_s1_is_a_type_and_a_region():
    levels = [f"C{n}" for n in range(1, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)] + ["S1"]
    meanings = [meaning for _, meaning, _ in codes()]
    for level in levels:
        assert meanings.count(f"{level} vertebra") == 2


def test_codes_and_their_context_groups_are_those_of_dicom():
    concepts = pytest.importorskip("pydicom.sr._concepts_dict").concepts["SCT"]
    dicom = {}
    for entry in concepts.values():
        for value, (meaning, groups) in entry.items():
            known = dicom.setdefault(value, (set(), set()))
            known[0].add(meaning)
            known[1].update(groups)
    for value, meaning, group in codes():
        if value in SNOMED_ONLY:
            continue
        assert value in dicom, (value, meaning)
        if value in SLICERS_WORDING:
            continue
        assert any(known.startswith(meaning) for known in dicom[value][0]), (value, meaning)
        assert group is None or int(group) in dicom[value][1], (value, meaning, group)


def test_a_lesion_of_known_level_says_so():
    entry = terminology_entry(ALTERED_STRUCTURE, NECROSIS, Code("66794005", "L1 vertebra"))
    assert entry.endswith("~SCT^6574001^Necrosis~^^~Anatomic codes - DICOM master list~SCT^66794005^L1 vertebra~^^")


def test_the_module_registers_the_lists_once_slicer_has_started(scene, repository, monkeypatch):
    pytest.importorskip("PySide6", reason="PySide6-Essentials is not installed (pip install SpineLib[test])")
    from Testing.pythonqt import desktop

    fresh = slicer.vtkSlicerTerminologiesModuleLogic()  # other tests have filled the application's own
    terminologies = slicer.modules.terminologies
    monkeypatch.setattr(terminologies, "_logic", fresh)
    with desktop() as application:
        monkeypatch.delattr(slicer.modules, "terminologies")  # while Slicer starts, modules come one after the other
        application.load_module(repository / "SpineMetSeg" / "SpineMetSeg.py")
        monkeypatch.setattr(slicer.modules, "terminologies", terminologies, raising=False)
        assert not fresh.IsTerminologyContextLoaded("Segmentation category and type - SpineOncology")
        slicer.app.startupCompleted()
        assert fresh.IsTerminologyContextLoaded("Segmentation category and type - SpineOncology")


def test_a_module_that_is_loaded_late_registers_the_lists_at_once(scene, repository, monkeypatch):
    pytest.importorskip("PySide6", reason="PySide6-Essentials is not installed (pip install SpineLib[test])")
    from Testing.pythonqt import desktop

    fresh = slicer.vtkSlicerTerminologiesModuleLogic()
    monkeypatch.setattr(slicer.modules.terminologies, "_logic", fresh)
    with desktop() as application:
        application.load_module(repository / "SpineMetSeg" / "SpineMetSeg.py")
        assert fresh.IsTerminologyContextLoaded("Segmentation category and type - SpineOncology")
