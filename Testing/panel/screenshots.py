"""Pictures of the panel for the README: ``python Testing/panel/screenshots.py [folder]``.

A simulated patient (never a real one) goes through the real ``.ui``, module, worker and shipped model on the stand-in
desktop.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from Testing.pythonqt import desktop  # noqa: E402

_WIDTH = 420


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")
        from SpineMetSegLib.sampledata import simulateSample

        t1, t2, truth = simulateSample()
        widget = here.open_panel("SpineMetSeg")
        ui, parent = widget.ui, widget.parent

        def picture(name, height):
            parent.resize(_WIDTH, height)
            parent.show()
            here.wait(lambda: False, 0.3)
            parent._object.grab().save(str(folder / f"SpineMetSeg-{name}.png"))

        ui.settingsSection.collapsed = False
        picture("ready", 820)
        ui.settingsSection.collapsed = True
        ui.applyButton.click()
        here.wait(lambda: ui.progressBar.value >= 30 or not widget.panel.jobs.busy, 200)
        picture("running", 760)
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        ui.compareSection.collapsed = False
        ui.referenceSelector.setCurrentNode(truth)
        ui.compareButton.click()
        ui.lesionTable.setCurrentCell(0, 0)
        picture("done", 960)
        print(ui.statusLabel.text, "|", ui.summaryLabel.text, "|", ui.compareLabel.text)
        here.close_panel("SpineMetSeg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots")
