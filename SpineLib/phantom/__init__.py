"""The simulated cohort: MR of a spine with metastases, with all truths. Nothing here comes from a patient.

``simulate`` draws one patient; ``write_cohort`` many, as a BIDS-like folder. A patient is drawn by ``spine`` (levels,
sizes, curve), ``background``, ``canal``, ``anatomy`` (tissue map on a fine ``grid``), ``lesions`` (metastases and
mimics); ``physics`` and ``acquisition`` make the images; ``readers`` contour the lesions.
"""

from SpineLib.phantom.case import SEQUENCES, PhantomCase, PhantomSettings, simulate
from SpineLib.phantom.cohort import write_case, write_cohort

__all__ = ["SEQUENCES", "PhantomCase", "PhantomSettings", "simulate", "write_case", "write_cohort"]
