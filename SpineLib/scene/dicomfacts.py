"""What the scene knows of a volume's DICOM series: patient and study (subject hierarchy), files (database)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import RAS_LPS, ijk_to_ras
from SpineLib.tasks.followup.checks import RIGHT, SWAPPED, UNKNOWN, order_of_dates, order_of_names
from SpineLib.volume.dicom_facts import DicomFacts
from SpineLib.volume.dicom_header import read_header
from SpineLib.volume.files import write_text
from SpineLib.volume.header_words import FIELDS, fields_of_dicom
from SpineLib.volume.sidecar import read_sidecar, sidecar_of
from SpineLib.volume.volume import Volume

_INSTANCES = "DICOM.instanceUIDs"


def facts_of(node) -> DicomFacts | None:
    """Patient and study of a volume node; None when the subject hierarchy knows neither."""
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    names = {
        "patient_name": constants.GetDICOMPatientNameAttributeName(),
        "patient_id": constants.GetDICOMPatientIDAttributeName(),
        "birth_date": constants.GetDICOMPatientBirthDateAttributeName(),
        "sex": constants.GetDICOMPatientSexAttributeName(),
        "study_date": constants.GetDICOMStudyDateAttributeName(),
        "study_time": constants.GetDICOMStudyTimeAttributeName(),
    }
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item, top, facts = hierarchy.GetItemByDataNode(node), hierarchy.GetSceneItemID(), {}
    while item and item != top:
        for key, name in names.items():
            if key not in facts and (text := hierarchy.GetItemAttribute(item, name)):
                facts[key] = text.strip()
        item = hierarchy.GetItemParent(item)
    for key in ("study_date", "birth_date"):
        facts[key] = facts.get(key, "").replace("-", "").replace(".", "")
    return DicomFacts(**facts) if any(facts.values()) else None


def order_of(before, after) -> str:
    """``RIGHT``, ``SWAPPED`` or ``UNKNOWN``: by the studies' dates, else by the nodes' names."""
    by_date = order_of_dates(facts_of(before), facts_of(after))
    return by_date if by_date != UNKNOWN else order_of_names(before.GetName() or "", after.GetName() or "")


def doubts(before, after) -> list[str]:
    """Questions to ask before two scans are taken for one patient's before and after an ablation; none if all is well.

    They name neither patient nor date.
    """
    patients = [facts.patient_id for node in (before, after) if (facts := facts_of(node)) and facts.patient_id]
    questions = []
    if len(patients) == 2 and patients[0] != patients[1]:
        questions.append("The two scans have different patient IDs. Are they of one patient?")
    order = order_of(before, after)
    if order == SWAPPED:
        questions.append(
            "The scan chosen as 'before' seems to be the later one. Was it taken before the ablation all the same?"
        )
    elif order != RIGHT:
        questions.append(
            "Nothing tells which scan came first. Was the one chosen as 'before' taken before the ablation?"
        )
    return questions


def series_files(node) -> list[str]:
    """The DICOM files a volume was loaded from; none when Slicer's DICOM database does not know them."""
    database = getattr(slicer, "dicomDatabase", None)
    uids = (node.GetAttribute(_INSTANCES) or "").split() if node is not None else []
    if database is None or not uids:
        return []
    files = [database.fileForInstance(uid) for uid in uids]
    return files if all(name and os.path.isfile(name) for name in files) else []


def header_fields(node, direction: np.ndarray) -> dict:
    """What the header of a volume tells of how it was taken (:mod:`SpineLib.volume.header_words`), as the words of a
    BIDS sidecar: of its DICOM files, else of a sidecar beside the file it was loaded from. Empty where neither is.

    Args:
        direction: (3, 3), the volume's axes in the world, LPS, into which parent transforms have turned it.
    """
    files, storage = series_files(node), node.GetStorageNode()
    try:
        known = fields_of_dicom(read_header(files[0])) if files else {}
    except SpineError:  # the files are gone; the volume is not
        known = {}
    if not files and storage is not None and storage.GetFileName():
        known = read_sidecar(storage.GetFileName())
    fields = {key: known[key] for key in FIELDS if key in known}
    try:
        axes = np.asarray(fields.pop("ImageOrientationPatientDICOM"), float).reshape(2, 3)
    except (KeyError, TypeError, ValueError):
        return fields
    own = (RAS_LPS @ ijk_to_ras(node))[:3, :3]
    turn = direction @ np.linalg.inv(own / np.linalg.norm(own, axis=0))
    return fields | {"ImageOrientationPatientDICOM": (axes @ turn.T).ravel().tolist()}


def write_header(node, volume: Volume, file: str) -> None:
    """Write :func:`header_fields` of a node as the sidecar of its file for the worker; none where nothing is told."""
    if fields := header_fields(node, volume.direction):
        write_text(sidecar_of(file), json.dumps(fields))


def copy_series(node, folder: str | Path) -> Path:
    """The volume's DICOM files, alone in a new folder, since a folder of the database may hold other series.

    Raises:
        SpineError: there are none, or they cannot be copied.
    """
    files = series_files(node)
    if not files:
        raise SpineError("The scan was not loaded from Slicer's DICOM database, so there is no series for a DICOM SEG.")
    try:
        Path(folder).mkdir()
        for number, name in enumerate(files):
            target = Path(folder) / f"{number:05d}.dcm"
            try:
                os.link(name, target)
            except OSError:  # another disk
                shutil.copyfile(name, target)
    except OSError as error:
        raise SpineError("The DICOM series cannot be copied: the disk is full, or its files are gone.") from error
    return Path(folder)
