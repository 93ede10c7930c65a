"""The published scores of a metastatic spine: what may be chosen, the points, and what a total means.

SINS, the spinal instability neoplastic score: Fourney et al., J Clin Oncol 2011;29(22):3072-3077. Bilsky's grades of
epidural spinal cord compression: Bilsky et al., J Neurosurg Spine 2010;13:324. Both are what a reader says; a program
proposes what it can see, and nothing of it stands in a report before it was confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from SpineLib.volume.levels import VERSE_NUMBERS


@dataclass(frozen=True)
class Option:
    """One answer: its key, what people read, its points."""

    key: str
    label: str
    points: int


@dataclass(frozen=True)
class Component:
    """One question of the score."""

    key: str
    label: str
    options: tuple[Option, ...]

    def option(self, key: str) -> Option | None:
        """The answer of that key; None where there is none."""
        return next((one for one in self.options if one.key == key), None)


#: By key.
SINS: dict[str, Component] = {
    one.key: one
    for one in (
        Component(
            "location",
            "Location",
            (
                Option("junctional", "Junctional (occiput-C2, C7-T2, T11-L1, L5-S1)", 3),
                Option("mobile", "Mobile (C3-C6, L2-L4)", 2),
                Option("semirigid", "Semirigid (T3-T10)", 1),
                Option("rigid", "Rigid (S2-S5)", 0),
            ),
        ),
        Component(
            "pain",
            "Pain",
            (
                Option("mechanical", "Relieved by lying, or with movement or load", 3),
                Option("occasional", "Occasional, not mechanical", 1),
                Option("none", "Painless", 0),
            ),
        ),
        Component(
            "bone",
            "Bone lesion",
            (Option("lytic", "Lytic", 2), Option("mixed", "Mixed", 1), Option("blastic", "Blastic", 0)),
        ),
        Component(
            "alignment",
            "Alignment",
            (
                Option("subluxation", "Subluxation or translation", 4),
                Option("deformity", "De novo deformity (kyphosis, scoliosis)", 2),
                Option("normal", "Normal", 0),
            ),
        ),
        Component(
            "collapse",
            "Vertebral body collapse",
            (
                Option("over_half", "More than 50 %", 3),
                Option("under_half", "Less than 50 %", 2),
                Option("body_involved", "None, more than 50 % of the body involved", 1),
                Option("none", "None of these", 0),
            ),
        ),
        Component(
            "posterolateral",
            "Posterolateral involvement",
            (Option("bilateral", "Bilateral", 3), Option("unilateral", "Unilateral", 1), Option("none", "None", 0)),
        ),
    )
}
STABLE, POTENTIALLY_UNSTABLE, UNSTABLE = "stable", "potentially unstable", "unstable"

#: Bilsky's grades and what they mean.
BILSKY: dict[str, str] = {
    "0": "bone only",
    "1a": "epidural impingement, thecal sac not deformed",
    "1b": "thecal sac deformed, cord not touched",
    "1c": "thecal sac deformed, cord touched and not compressed",
    "2": "cord compressed, cerebrospinal fluid visible around it",
    "3": "cord compressed, no cerebrospinal fluid visible around it",
}


def sins_total(chosen: Mapping[str, str]) -> int | None:
    """Points of a form, 0 to 18; None while an answer is missing.

    Args:
        chosen: component's key to option's key.
    """
    points = 0
    for key, component in SINS.items():
        option = component.option(chosen.get(key, ""))
        if option is None:
            return None
        points += option.points
    return points


def sins_class(total: int) -> str:
    """0 to 6 stable, 7 to 12 potentially unstable, 13 to 18 unstable."""
    return STABLE if total <= 6 else POTENTIALLY_UNSTABLE if total <= 12 else UNSTABLE


def sins_location(level: str) -> str:
    """The answer to "location" of a level ("L3"; of "L1/L2" the one with more points); "" where it can't be told."""
    options = [_location(one.strip()) for one in level.split("/") if one.strip()]
    if not options or "" in options:
        return ""
    order = [one.key for one in SINS["location"].options]
    return min(options, key=order.index)


def _location(level: str) -> str:
    if level in ("S2", "S3", "S4", "S5"):
        return "rigid"
    if level in ("S1", "C1", "C2", "C7", "T1", "T2", "T11", "T12", "L1", "L5"):
        return "junctional"
    number = VERSE_NUMBERS.get(level)
    if number is None or level == "S":  # the sacrum as a whole: its first segment is junctional, the others rigid
        return ""
    if level[0] == "T" and level[1:].isdigit() and 3 <= int(level[1:]) <= 10:
        return "semirigid"
    return "mobile" if level in ("C3", "C4", "C5", "C6", "L2", "L3", "L4") else ""
