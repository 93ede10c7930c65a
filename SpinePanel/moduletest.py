"""What the modules' own tests have in common: the panel's life and a saved scene, which need no torch, then a run."""

import os
import tempfile
import unittest

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest


class ModuleTest(ScriptedLoadableModuleTest):
    """Base of the modules' test classes; run by ctest and by the developer's Reload and Test.

    Attributes:
        MODULE: its name; none: this base, which tests nothing.
    """

    MODULE = ""

    def makeChoices(self):
        """Add the phantom to the scene; returns parameter name to the node that is to be chosen for it."""
        raise NotImplementedError

    def choose(self, widget, name, node):
        """Choose a node for a parameter, as the user does: in its selector."""
        getattr(widget.ui, f"{name}Selector").setCurrentNode(node)

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        if not self.MODULE:
            self.skipTest("the base of the modules' tests")

    def runTest(self):
        """For Reload and Test; there a skipped test must not look like a failed one."""
        for name in sorted(name for name in dir(self) if name.startswith("test_")):
            self.setUp()
            try:
                getattr(self, name)()
            except unittest.SkipTest as reason:
                self.delayDisplay(
                    _("{test} of {module}Test was skipped, {reason}").format(
                        test=name, module=self.MODULE, reason=reason
                    )
                )
        self.delayDisplay(_("Test passed"))

    def skipWithout(self, *needed):
        """Skip where a job cannot run, with the names of the packages that are missing."""
        import importlib.util

        from SpinePanel.packages import missingPackages

        missing = missingPackages() + [name for name in needed if not importlib.util.find_spec(name)]
        if missing:
            self.skipTest(_("not installed: {names}").format(names=", ".join(missing)))

    def test_aPanelFollowsTheScene(self):
        """What is chosen is shown, also after another module was shown; a closed scene empties the panel."""
        with _Shown(self.MODULE) as shown:
            choices = self._choose(shown.widget)
            self.assertEqual(self._seen(shown.widget, choices), choices)
            shown.representation.exit()
            shown.representation.enter()
            self.assertEqual(self._seen(shown.widget, choices), choices)
            slicer.mrmlScene.Clear(0)
            self.assertEqual(set(self._seen(shown.widget, choices).values()), {None})

    def test_aSavedSceneComesBack(self):
        """With the panel shown, and with another module shown while it is read."""
        with _Shown(self.MODULE) as shown, tempfile.TemporaryDirectory() as folder:
            choices = self._choose(shown.widget)
            path = os.path.join(folder, "scene.mrb")
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(path, {"clear": True})
            self.assertEqual(self._seen(shown.widget, choices), choices)
            shown.representation.exit()
            slicer.util.loadScene(path, {"clear": True})
            shown.representation.enter()
            self.assertEqual(self._seen(shown.widget, choices), choices)

    def _choose(self, widget):
        """Choose all; returns parameter name to the chosen node's name."""
        choices = self.makeChoices()
        for name, node in choices.items():
            self.choose(widget, name, node)
        return {name: node.GetName() for name, node in choices.items()}

    @staticmethod
    def _seen(widget, names):
        """Parameter name to the name of the node that its selector shows, or None."""
        nodes = {name: getattr(widget.ui, f"{name}Selector").currentNode() for name in names}
        return {name: node.GetName() if node is not None else None for name, node in nodes.items()}


class _Shown:
    """A module as if it were chosen, also where there is no window; at the end it is as it was."""

    def __init__(self, module):
        self.representation = getattr(slicer.modules, module.lower()).widgetRepresentation()
        self.widget = self.representation.self()
        self._before = self.representation.isEntered

    def __enter__(self):
        if not self._before:
            self.representation.enter()
        return self

    def __exit__(self, *error):
        slicer.mrmlScene.Clear(0)
        if not self._before:
            self.representation.exit()
