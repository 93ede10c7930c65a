"""The shared backend of SpineOncology: volumes, networks, tasks, simulated data. It knows neither Qt nor Slicer.

Rooms, in the order data pass: ``volume``, ``preprocess``, ``networks``, ``models``, ``tasks``, ``metrics``, ``mesh``,
``training``, ``phantom``, ``reports``, ``worker`` and ``client``, ``cli``; ``scene`` alone talks to Slicer's MRML.
A room imports only rooms named before it.
"""

__version__ = "0.1.0"
