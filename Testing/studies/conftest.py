"""Little cohorts."""

from Testing.trainings import ball_cohort, followup_cohort  # noqa: F401
