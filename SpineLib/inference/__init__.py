"""Running a network: device, precision, windows, memory, and the fast forms."""
