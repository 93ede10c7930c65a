"""The MR sequences and what goes with each. A new one is an entry here, and its physics in the phantom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


def _words(*words: str) -> re.Pattern[str]:
    """Patterns of which one stands as a word."""
    return re.compile("|".join(rf"(?<![a-z0-9]){word}(?![a-z0-9])" for word in words))


@dataclass(frozen=True)
class MrSequence:
    """One sequence.

    Attributes:
        name: in models' cards and in sentences: "ceT1".
        bids: how a file's name ends in a BIDS folder: "ce-gd_T1w".
        words: what names it in a series' name or description, lower case; None where only contrast medium tells it from
            ``plain``.
        like: the sequence that looks most like it, which a network that has not learned this one may start from.
        plain: the sequence that it is with contrast medium; "" where it is without.
        fat_suppressed: whether fat is dark on it, whatever else its name says.
        outweighs: whether its words count although those of another sequence stand there too ("t2_stir").
    """

    name: str
    bids: str
    words: re.Pattern[str] | None
    like: str = ""
    plain: str = ""
    fat_suppressed: bool = False
    outweighs: bool = False

    @property
    def option(self) -> str:
        """What the shell calls it: "cet1" for ``--cet1``."""
        return self.name.lower()


#: By name, in the order in which they are asked for.
SEQUENCES: dict[str, MrSequence] = {
    one.name: one
    for one in (
        MrSequence(
            "T1",
            "T1w",
            _words(
                r"(?:ce)?t1(?:w|wi|wt?d?|[\s_-]?weighted)?",
                r"t1(?:fse|tse|se|fs|vibe|mprage|tfe|flair|dixon)",
                r"t1(?:ce|c|gd|km)",
            ),
            like="ceT1",
        ),
        MrSequence(
            "T2",
            "T2w",
            _words(r"t2(?:w|wi|wt?d?|[\s_-]?weighted)?", r"t2(?:fse|tse|se|fs|dixon|space|frfse)"),
            like="STIR",
        ),
        MrSequence(
            "STIR",
            "STIR",
            re.compile(r"stir(?![a-z])|tirm(?![a-z])|(?<![a-z])t2?_?ir(?=[\s_-]|$)|short[\s_-]*tau"),
            like="T2",
            fat_suppressed=True,
            outweighs=True,
        ),
        MrSequence("ceT1", "ce-gd_T1w", None, like="T1", plain="T1"),
    )
}

#: Sequences before and after that are registered with each other, the best first: on T1 the headers tell how far fat is
#: displaced (:mod:`SpineLib.volume.fat_shift`), and masks lie on the grid of T1; otherwise like looks most like like.
PAIRS = (("T1", "ceT1"), ("T1", "T1"), ("T2", "T2"), ("STIR", "T2"), ("T1", "T2"), ("T2", "ceT1"))


def enhanced_of(names: Iterable[str]) -> str | None:
    """The first of the sequences that is taken after contrast medium; None without one."""
    return next((name for name in names if name in SEQUENCES and SEQUENCES[name].plain), None)


def sequence_of_file(stem: str) -> str | None:
    """The sequence that a file of a BIDS folder shows, by its name without ending: "sub-1_acq-sag_T1w", or None.

    Whatever the contrast medium is called ("ce-gadovist"), it is contrast medium.
    """
    enhanced = re.search(r"_ce-[A-Za-z0-9]+_", stem)
    plain = next((one for one in SEQUENCES.values() if not one.plain and stem.endswith(f"_{one.bids}")), None)
    if plain is None or not enhanced:
        return plain.name if plain else None
    return next((one.name for one in SEQUENCES.values() if one.plain == plain.name), None)
