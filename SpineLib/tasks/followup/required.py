"""The margins that the literature asks of an ablation, in mm; nothing is imported, so that panels may read it at start.

Bands of 0, 5 and 10 mm part what was followed up after ablations (Wang et al. 2013, Cardiovasc Intervent Radiol
36(1):166-175: 0, 1-5, 6-10 and 11-15 mm). From 5 mm on no local progression was seen (Laimer et al. 2020, Eur Radiol
30(5); likewise Laimer et al. 2025, Eur Radiol 35(2): 4 and 5 mm, by software). All of these are of the liver: of the
spine no such study was found, and the spinal canal often leaves less room, so that the user may ask for another one.
"""

#: The margin to be reached unless the user says otherwise, and the limits of the bands.
REQUIRED_MARGIN_MM = 5.0
BANDS_MM = (0.0, 5.0, 10.0)
