"""Little cohorts, and models trained on them."""

from Testing.trainings import ball_cohort, followup_cohort, necrosis_run, trained  # noqa: F401
