"""A walk through the three modules in the real application, as a user takes it, with a picture of each step::

    Slicer --no-splash --additional-module-paths SpineMetSeg SpineNecrosis SpineInpaint \\
        --python-script Testing/slicer/walk.py out=walk size=1366x768 panel=300 theme=dark

Nothing is needed but Slicer and the packages that the modules ask for; the patients are simulated. Of each module it
takes the tutorial's way, corrects with effects of the Segment Editor, shows other modules, saves the scene, clears it,
opens it again with the module shown and hidden, and reloads the module. A step that fails is noted, and the walk goes
on. At the end ``walk.csv``, ``walk.json`` and ``walk.html`` lie in the output folder, a table is printed, and the exit
code is 0 when no step failed, 1 when one did, 2 when the walk could not begin.

Words ``name=value`` after the script's name, or environment variables ``SPINE_WALK_NAME``:

=========  ===========================================================================================
out        folder of the results; default: ``spine-walk`` in the current folder
modules    names with commas; default: all three
size       width x height of the window in pixels
panel      width of the module panel in pixels
theme      ``light`` or ``dark``; default: as it is
seconds    limit of a step; default 900: after twice that the application is ended, and the table shows where
data       ``sample`` (default) or ``phantom``: the small scenes of the modules' own tests, for a quick look
quit       ``no`` leaves the application open
=========  ===========================================================================================
"""

import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from walking import followup, metastases, repair
from walking.record import Record
from walking.stage import Stage

DEFAULTS = {
    "out": "spine-walk",
    "modules": "SpineMetSeg,SpineNecrosis,SpineInpaint",
    "size": "",
    "panel": "",
    "theme": "",
    "seconds": "900",
    "data": "sample",
    "quit": "yes",
}
WALKS = {"SpineMetSeg": metastases.walk, "SpineNecrosis": followup.walk, "SpineInpaint": repair.walk}


def options(words, environment):
    """What was asked for, as texts.

    Args:
        words: of the command line; those that name no option are left out.
        environment: mapping with ``SPINE_WALK_*``.
    """
    asked = {name: environment.get(f"SPINE_WALK_{name.upper()}", default) for name, default in DEFAULTS.items()}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in DEFAULTS:
            asked[name] = value
    return asked


def main(words=None, environment=None):
    """Walk; returns the exit code."""
    asked = options(sys.argv if words is None else words, os.environ if environment is None else environment)
    record = Record(asked["out"])
    try:
        stage = Stage(record, float(asked["seconds"]), asked["data"])
        stage.dress(asked["size"], asked["panel"], asked["theme"])
        modules = [name for name in asked["modules"].split(",") if name]
        unknown = [name for name in modules if name not in WALKS]
        if unknown:
            raise ValueError(f"There is no walk for {', '.join(unknown)}: choose among {', '.join(WALKS)}.")
    except Exception:
        traceback.print_exc()
        return 2
    for name in modules:
        record.module = name
        for part in (lambda name=name: WALKS[name](stage), stage.leave):
            try:
                part()
            except Exception:  # between two steps: the other modules are walked all the same
                record.note("the walk itself", "failed", 0.0, traceback.format_exc())
    stage.close()
    print(record.table())
    return record.write()


if __name__ == "__main__":
    import slicer

    code = 2
    try:
        code = main()
    except Exception:  # the application would stay open
        traceback.print_exc()
    if options(sys.argv, os.environ)["quit"] != "no":
        slicer.util.exit(code)
