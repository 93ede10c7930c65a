"""The third step of ``spine demo``: a simulated CT with a destroyed vertebra, its repair, and a model to print."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from SpineLab.demo import Told
from SpineLib.cli.inpaint import summary, write_repair
from SpineLib.cli.telling import attention
from SpineLib.errors import SpineError
from SpineLib.jobs.inpaint import method_models
from SpineLib.mesh.model import write_model
from SpineLib.models import list_bundles
from SpineLib.models.bundle import load_bundle
from SpineLib.models.catalogue import vertebra_models
from SpineLib.phantom.ct import CtSettings, simulate_ct
from SpineLib.progress import Progress, part
from SpineLib.reports.inpaint import RepairReport, agreement, printable, repair_page
from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
from SpineLib.tasks.inpainting.inpaint import inpaint
from SpineLib.tasks.inpainting.settings import METHOD_MODELS, InpaintSettings
from SpineLib.tasks.printing.reconstruct import reconstruct
from SpineLib.volume import write_volume

PREFIX = "simulated_repair_"
#: What the border leaves of a vertebra counts as one from this volume on; its level is what a user would enter.
_SMALLEST_ML = 8.0


def write_demo_inpaint(folder: Path, seed: int, device: str, progress: Progress) -> Told:
    """Simulate a CT, segment its vertebrae, repair the one with the lesion, check and write its model.

    All files in ``folder`` begin with :data:`PREFIX`. The lesion is the simulated one, as a reader would mark it.
    """
    progress(0.0, "Simulating a CT")
    case = simulate_ct(
        seed,
        CtSettings(
            matrix=224,
            spacing=0.8,
            slices=100,
            thickness=1.5,
            region="lumbar",
            healthy=0.0,
            metastases=(1, 1),
            kinds=("lytic",),
            metal=0.0,
            sagittal=0.0,
        ),
    )
    if not case.truth["lesions"]:
        raise SpineError("No metastasis found room in this simulated CT; choose another --repair-seed.")
    lesion = case.lesion.with_array((case.lesion.array > 0).astype(np.uint8))
    vertebrae, repair, cards, notes = _repaired(case, lesion, device, part(progress, 0.2, 0.6))
    model = reconstruct(repair.mask, repair.before, progress=part(progress, 0.6, 0.85), uncertainty=repair.uncertainty)
    progress(0.85, "Writing the model")
    if model.model.report.passed:
        for ending in (".stl", ".3mf"):
            write_model(model.model, folder / f"{PREFIX}model{ending}")
    write_volume(case.ct, folder / f"{PREFIX}CT.nii.gz")
    write_volume(lesion, folder / f"{PREFIX}lesion.nii.gz")
    write_volume(vertebrae, folder / f"{PREFIX}vertebrae.nii.gz")
    write_repair(folder / f"{PREFIX}result.seg.nrrd", repair)
    progress(0.9, "Drawing the repair's page")
    whole = case.intact.with_array((case.intact.array == case.truth["lesions"][0]["label"]).astype(np.uint8))
    files = sorted(path.name for path in folder.glob(f"{PREFIX}*"))
    repair_page(
        folder / f"{PREFIX}report.html",
        RepairReport(repair, lesion, case.ct, model, cards, whole, notes, files, simulated=True),
    )
    found = agreement(repair, whole)
    first = model.model.attention
    lines = summary(repair, [one for one in [*notes, *repair.notes, *model.notes] if one not in first])
    checks = model.model.report.checks
    lines[2:2] = [
        f"Dice with the simulated vertebra before the lesion, within the repaired region: {100 * found['dice']:.1f} %.",
        f"Print gate: {sum(check.passed for check in checks)} of {len(checks)} checks passed, "
        + (f"{PREFIX}model.stl and .3mf: {printable(model.model)}." if model.model.report.passed else "refused."),
    ]
    lines = [*attention(first), *lines]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    html = (
        f'<p><a href="{PREFIX}report.html">Page of the repair</a>: a simulated CT with a vertebra that a lytic '
        f'metastasis destroyed, and the model of what it may have been before.</p><ul class="notes">{items}</ul>'
    )
    progress(1.0, "Done")
    return Told(["Repair of a destroyed vertebra of a simulated CT:", *lines], html)


def _repaired(case, lesion, device: str, progress: Progress):
    """The vertebrae, the repair, cards of the models, and notes: where no model is installed, what stood in for it."""
    installed = {card.id for _, card in list_bundles()}
    notes, cards = [], []
    settings = InpaintSettings()
    needed = METHOD_MODELS.get(settings.method, ("", ""))[1]
    if needed and needed not in installed:
        notes.append(f"The model {needed} is not installed: mirror image and neighbours are used.")
        settings = InpaintSettings("templates")
    models = method_models(settings.method)
    label = case.truth["lesions"][0]["label"]
    if of_vertebrae := vertebra_models():
        bundle = load_bundle(of_vertebrae[0][0])
        first = next(each["level"] for each in case.truth["vertebrae"] if each["volume_ml"] >= _SMALLEST_ML)
        wanted = VertebraeSettings(first=first, smallest_ml=_SMALLEST_ML, device=device)
        found = segment_vertebrae(case.ct, bundle, wanted, part(progress, 0.0, 0.5))
        try:
            repair = inpaint(found.labels, lesion, None, models, settings, part(progress, 0.5, 1.0), ct=case.ct)
            cards = [bundle.card, *(one.card for one in models.values())]
            return found.labels, repair, cards, [*notes, *found.notes]
        except SpineError as error:
            notes.append(f"On the segmented vertebrae there is no repair ({error}) The simulated ones are used.")
    else:
        notes.append("No model for vertebrae on CT is installed: the vertebrae are the simulated truth.")
    repair = inpaint(case.vertebrae, lesion, label, models, settings, part(progress, 0.5, 1.0), ct=case.ct)
    return case.vertebrae, repair, [one.card for one in models.values()], notes
