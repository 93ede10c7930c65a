"""Which of the scene's volumes is which MR sequence: by name and DICOM description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from SpineLib.sequences import SEQUENCES

#: Levels of the spine that read like sequences: "T1-T6", "T1 to T4", "level T2", "T1 vertebra".
_LEVELS = re.compile(
    r"(?<![a-z0-9])[ctls]\d{1,2}\s*(-|–|/|to|bis)\s*[ctls]?\d{1,2}(?![a-z0-9])"
    r"|(levels?|vertebrae?|from|at|segment)[\s:_-]*[ctls]\d{1,2}(?![a-z0-9])"
    r"|(?<![a-z0-9])[ctls]\d{1,2}[\s_-]*(levels?|vertebrae?|body)(?![a-z])"
)
#: Images that are not the plain sequence although their name holds it.
_UNFIT = re.compile(
    r"locali[sz]er|scout|survey|subtra|mapping|t[12][\s_-]*map|t2[\s_-]*(\*|star)"
    r"|flair[\s_-]*t2|t2\w*[\s_-]*(\w+[\s_-]+)?flair"  # T1 FLAIR is a plain T1 of the spine, T2 FLAIR no plain T2
    r"|(?<![a-z])(loc|mip|mpr|adc|dwi|dti|trace|swi|phase|haste|myelo\w*|reformat\w*|derived|desc)(?![a-z])"
    r"|(?<![a-z])(mask|labels?|seg|dseg|segmentation|probability)(?![a-z])"
)
_NO_CONTRAST = re.compile(
    r"(without|no|non|w/?o|ohne|pre)[\s_-]*(contrast|gd|gad\w*|km|ce|iv)(?![a-z])"
    r"|(?<![a-z])(pre|native?|unenhanced)(?![a-z])"
)
_CONTRAST = re.compile(
    r"(?<![a-z])(gd|gad|gado\w*|ce|km|cm|post|contrast|kontrast\w*|enhanced)(?![a-z])"
    r"|(?<![a-z])cet1|(?<![a-z])t1(ce|c|gd|km)(?![a-z])"
    r"|(?<![a-z])(dotarem|gadovist|prohance|clariscan)(?![a-z])"
    r"|(?<![a-z])(\+\s*c|c\s*\+|\+\s*gd|\+\s*km)(?![a-z])"
)
_SAGITTAL = re.compile(r"(?<![a-z])sag(?:ittal)?(?![a-z])")
_OTHER_PLANE = re.compile(r"(?<![a-z])(tra|trans\w*|ax|axial|cor|coronal)(?![a-z])")
_FAT_SUPPRESSED = re.compile(r"(?<![a-z])(fs|fatsat|fat[\s_-]*sat|spair|spir|dixon|dix)(?![a-z])")


@dataclass(frozen=True)
class Candidate:
    """A volume as far as its texts tell: name, DICOM description, and a key shared by volumes of one study."""

    name: str
    description: str = ""
    group: object = None


def sequence_of(name: str, description: str = "") -> tuple[str | None, float]:
    """The sequence a volume seems to be, and how well it fits (higher is better).

    Args:
        name: name of the volume, e.g. "3: t1_tse_sag" or "sub-001_ce-gd_T1w".
        description: DICOM series description, "" if unknown.

    Returns:
        (name in :data:`SpineLib.sequences.SEQUENCES`, score) or (None, 0.0).
    """
    text = f"{name} | {description}".lower()
    if _UNFIT.search(text):
        return None, 0.0
    text = _LEVELS.sub(" ", text)
    named = [one for one in SEQUENCES.values() if one.words and one.words.search(text)]
    named = [one for one in named if one.outweighs][:1] or named
    if len(named) != 1:
        return None, 0.0
    found = named[0]
    if _CONTRAST.search(_NO_CONTRAST.sub(" ", text)):
        found = next((one for one in SEQUENCES.values() if one.plain == found.name), found)
    score = 1.0 + 2.0 * bool(_SAGITTAL.search(text)) - 2.0 * bool(_OTHER_PLANE.search(text))
    if not found.fat_suppressed and not found.plain and _FAT_SUPPRESSED.search(text):
        score -= 1.0
    return found.name, score


def choose(candidates: Sequence[Candidate], roles: Iterable[str] = SEQUENCES) -> dict[str, int]:
    """The best candidate for each role, all from one study so that patients are never mixed.

    The study that serves most roles wins, then the better fit, then the earlier one; within a study the better fit,
    then the earlier one.

    Returns:
        {role: index into ``candidates``}; roles that nothing fits are missing.
    """
    groups: dict[object, dict[str, tuple[float, int]]] = {}
    for index, candidate in enumerate(candidates):
        role, score = sequence_of(candidate.name, candidate.description)
        if role is not None and role in roles:
            best = groups.setdefault(candidate.group, {})
            if role not in best or score > best[role][0]:
                best[role] = (score, index)
    if not groups:
        return {}
    chosen = max(groups.values(), key=lambda best: (len(best), sum(score for score, _ in best.values())))
    return {role: index for role, (_, index) in chosen.items()}


def preselect(roles: Iterable[str] = SEQUENCES) -> dict:
    """The scene's volume nodes that fit the roles best: {role: volume node}."""
    import slicer

    nodes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if not node.GetHideFromEditors() and node.GetClassName() == "vtkMRMLScalarVolumeNode"
    ]
    chosen = choose([candidate_of(node) for node in nodes], roles)
    return {role: nodes[index] for role, index in chosen.items()}


def preselect_followup() -> dict:
    """The scene's volume nodes that look like the scans before and after an ablation.

    Scans are told apart by the dates of their studies (the first and the last one), else by their names ("before",
    "baseline", "after", "follow-up"), else by contrast, which is given after an ablation.

    Returns:
        {"beforeT1", "beforeT2", "afterCeT1", "afterT2": volume node}; what is not there, or not clear, is missing.
    """
    import slicer

    from SpineLib.scene.dicomfacts import facts_of

    nodes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if not node.GetHideFromEditors() and node.GetClassName() == "vtkMRMLScalarVolumeNode"
    ]
    dates = [facts.when[:8] if (facts := facts_of(node)) else "" for node in nodes]
    known = sorted(set(dates) - {""})
    found: dict = {}
    keys: dict[tuple, str] = {
        ("before", "T1"): "beforeT1",
        ("before", "T2"): "beforeT2",
        ("after", "ceT1"): "afterCeT1",
        ("after", "T2"): "afterT2",
    }
    for node, date in zip(nodes, dates, strict=True):
        candidate = candidate_of(node)
        role, score = sequence_of(candidate.name, candidate.description)
        side = _side(candidate, role, date, known)
        key = keys.get((side, role))
        if key is not None and score > found.get(key, (None, float("-inf")))[1]:
            found[key] = (node, score)
    return {key: node for key, (node, _) in found.items()}


def _side(candidate: Candidate, role: str | None, date: str, known: Sequence[str]) -> str | None:
    """ "before", "after", or None where nothing tells."""
    from SpineLib.tasks.followup.checks import RIGHT, order_of_names

    if len(known) > 1 and date:
        return {known[0]: "before", known[-1]: "after"}.get(date)
    text = f"{candidate.name} {candidate.description}"
    if order_of_names(text, "after") == RIGHT:
        return "before"
    if order_of_names("before", text) == RIGHT:
        return "after"
    if role and SEQUENCES[role].plain:
        return "after"
    return "before" if any(one.plain == role for one in SEQUENCES.values()) else None


def candidate_of(node) -> Candidate:
    """A volume node's name, DICOM series description and study, from the node and its subject-hierarchy item."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node)
    texts = [node.GetAttribute(key) or "" for key in ("DICOM.SeriesDescription", "SeriesDescription")]
    if item:
        texts += [hierarchy.GetItemAttribute(item, "DICOM.SeriesDescription"), hierarchy.GetItemName(item)]
    description = " | ".join(text for text in texts if text and text != node.GetName())
    return Candidate(node.GetName() or "", description, hierarchy.GetItemParent(item) if item else None)
