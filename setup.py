"""The packages of the wheel, found by lying there; all else stands in pyproject.toml."""

from setuptools import find_packages, setup

# The wheel carries what the modules share; in a checkout it lies in Resources/ beside SpineLib.
setup(packages=[*find_packages(include=["SpineLib*", "SpineLab*"]), "SpineLib._resources"])
