"""The simulated cohort: MR of a spine with metastases, with all truths. Nothing here comes from a patient.

``simulate`` draws one patient; ``write_cohort`` many, as a BIDS-like folder. A patient is drawn by ``spine`` (levels,
sizes, curve), ``background``, ``canal``, ``anatomy`` (tissue map on a fine ``grid``), ``lesions`` (metastases and
mimics); ``physics`` and ``acquisition`` make the images; ``readers`` contour the lesions. ``simulate_followup`` and
``write_followup_cohort`` do so before and after the ablation of a metastasis.
"""

from SpineLib.phantom.case import PhantomCase, PhantomSettings, simulate
from SpineLib.phantom.cohort import write_case, write_cohort
from SpineLib.phantom.followup import FollowUp, FollowUpSettings, simulate_followup
from SpineLib.phantom.followup_cohort import write_followup_cohort

__all__ = [
    "FollowUp",
    "FollowUpSettings",
    "PhantomCase",
    "PhantomSettings",
    "simulate",
    "simulate_followup",
    "write_case",
    "write_cohort",
    "write_followup_cohort",
]
