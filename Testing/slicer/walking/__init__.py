"""The parts of the walk: what is recorded, how the application is handled, and the steps of each module."""
