"""The simulated CT of a spine with bone metastases, with all truths.

No image of a patient goes in. Vertebrae are drawn from formulas, or, where the user gives label maps of real spines,
built of the shapes in them (``realshapes``, ``framing``, ``chain``); no such shape is kept in the project.

``simulate_ct`` draws one patient; ``write_ct_cohort`` many, as a BIDS-like folder. A patient is drawn as signed
distances: ``vertebra`` (one, in its own frame), ``skeleton`` (the column), ``otherbones``, ``lesions``; ``habitus``
draws the soft tissues; ``densities`` takes the slices in Hounsfield units and their labels; ``scanner`` makes the
image.
"""

from SpineLib.phantom.ct.case import CT_REGIONS, CtPhantom, CtSettings, simulate_ct
from SpineLib.phantom.ct.cohort import write_ct_case, write_ct_cohort

__all__ = ["CT_REGIONS", "CtPhantom", "CtSettings", "simulate_ct", "write_ct_case", "write_ct_cohort"]
