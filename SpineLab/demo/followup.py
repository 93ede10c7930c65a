"""The second step of ``spine demo``: a simulated patient before and after the ablation of a metastasis."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

from SpineLab.demo import Told
from SpineLib.cli.followup_files import write_follow_up
from SpineLib.models import find_bundle, list_bundles
from SpineLib.phantom.followup import FollowUpSettings as Simulation
from SpineLib.phantom.followup import simulate_followup
from SpineLib.phantom.sidecar import with_header
from SpineLib.progress import Progress, part
from SpineLib.tasks.followup.follow_up import FollowUpSettings, follow_up
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.tasks.stability.find import find_parts
from SpineLib.volume import write_volume

PREFIX = "simulated_followup_"
NECROSIS_MODEL = "necrosis-cet1t2-2d"


def write_demo_followup(folder: Path, seed: int, model: str, device: str, progress: Progress) -> Told:
    """Simulate both scans, segment, register, compare; write the files, each with :data:`PREFIX`, into ``folder``."""
    progress(0.0, "Simulating scans before and after an ablation")
    case = simulate_followup(seed, Simulation(matrix=320, slices=16, region="lumbar", others=(0, 1)))
    bundles = {"metastasis_model": find_bundle(model)}
    necroses, notes = None, []
    if any(card.id == NECROSIS_MODEL for _, card in list_bundles()):
        bundles["necrosis_model"] = find_bundle(NECROSIS_MODEL)
    else:
        necroses = case.after.labels["necrosis"]
        notes.append(f"The model {NECROSIS_MODEL} is not installed: the necrosis is the simulated truth.")
    each = SegmentSettings(device=device)
    assert case.before is not None
    before, after = (
        {
            sequence: with_header(image, scan.truth["sequences"][sequence], scan.truth["field_t"])
            for sequence, image in scan.images.items()
        }
        for scan in (case.before, case.after)
    )
    result = follow_up(
        before,
        after,
        metastasis_model=bundles.get("metastasis_model"),
        necrosis_model=bundles.get("necrosis_model"),
        necroses=necroses,
        settings=FollowUpSettings(metastasis=each, necrosis=each),
        progress=part(progress, 0.35, 0.85),
    )
    shown = result.pair[0]
    parts = find_parts(before[shown], shown, device=device, progress=part(progress, 0.85, 0.9))
    progress(0.9, "Drawing the follow-up's report")
    with tempfile.TemporaryDirectory(prefix=".followup-", dir=folder) as name:
        written = Path(name)
        for when, scan in (("before", case.before), ("after", case.after)):
            for sequence, volume in scan.images.items():
                write_volume(volume, written / f"{when}_{sequence}.nii.gz")
        _, lines = write_follow_up(
            written,
            result,
            notes,
            [one.card for one in bundles.values()],
            simulated=True,
            patient=None,
            progress=part(progress, 0.92, 1.0),
            parts=parts,
        )
        for path in sorted(written.iterdir()):
            path.rename(folder / f"{PREFIX}{path.name}")
    treated = case.truth["treated"]
    truth = (
        f"Simulated truth: {treated['outcome']} ablation in {treated['level']}, "
        f"{100 * treated['covered_share']:.0f} % of the metastasis covered."
    )
    items = "".join(f"<li>{escape(line.strip())}</li>" for line in lines)
    html = (
        f'<p><a href="{PREFIX}report.html">Report of the follow-up</a>: another simulated patient before and one '
        f'to three days after radiofrequency ablation.</p><ul class="notes">{items}</ul><p>{escape(truth)}</p>'
    )
    return Told([*lines, truth], html)
