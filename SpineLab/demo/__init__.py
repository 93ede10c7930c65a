"""The steps of ``spine demo``: metastases on MR, the follow-up of an ablation, the repair of a vertebra on CT."""

from typing import NamedTuple


class Seeds(NamedTuple):
    """Which patients are simulated; the defaults were chosen by what was drawn, before any result.

    Attributes:
        metastases: lytic and sclerotic ones, and a haemangioma to be left alone.
        followup: a lumbar metastasis whose ablation left a part.
        repair: a lytic metastasis that took more than a quarter of L2.
    """

    metastases: int = 36
    followup: int = 4
    repair: int = 4


SEEDS = Seeds()


class Told(NamedTuple):
    """What the demo says about a step: lines for the terminal, and HTML for the page."""

    lines: list[str]
    html: str
