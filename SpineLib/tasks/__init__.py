"""Pure functions from volumes to results, with progress and cancelling."""
