"""The instrument of SpineOncology: volumes, networks, tasks, reports, jobs, commands. It knows neither Qt nor Slicer.

A room imports only rooms of floors below its own (docs/explanation/house.md); ``scene`` alone talks to Slicer's MRML.
"""

__version__ = "0.1.0"
#: What stands on every result.
NOTICE = "Research use only, not a medical device"
