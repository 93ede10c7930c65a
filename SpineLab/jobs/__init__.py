"""Jobs of the laboratory, one file each, for the worker (see SpineLib.jobs.registry)."""
