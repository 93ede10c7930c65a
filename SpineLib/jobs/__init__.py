"""What the worker runs: one file a job."""
