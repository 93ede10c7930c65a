"""Little cohorts and trainings."""

from Testing.trainings import ball_cohort, balls, followup_cohort, necrosis_run, tiny, trained  # noqa: F401
