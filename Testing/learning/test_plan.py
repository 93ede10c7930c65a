"""Who is held back, and what is promised."""

import pytest

from SpineLab.learning.plan import plan
from SpineLib.cohort.corrections import Correction


def _patients(count, person=lambda n: n):
    return [Correction(f"sub-{n:03d}", f"sub-{person(n):03d}", n, {}, "lesion", 1) for n in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2])
def test_with_fewer_than_three_nobody_is_held_back_and_that_is_said(count):
    made = plan(_patients(count))
    (only,) = made.parts
    assert len(only.training) == count and not only.held_out
    assert "nobody can say whether the new model does better" in made.promise


@pytest.mark.parametrize("count", [3, 7, 15])
def test_with_few_each_is_judged_once_by_a_model_that_has_not_seen_it_and_the_offered_one_sees_all(count):
    *folds, final = plan(_patients(count)).parts
    assert sorted(name for fold in folds for name in fold.held_out) == [one.patient for one in _patients(count)]
    assert all(not set(fold.training) & set(fold.held_out) for fold in folds)
    assert final.name == "all" and len(final.training) == count
    assert sum(one.share for one in (*folds, final)) == pytest.approx(1.0)


def test_with_many_a_fifth_is_held_back_from_the_offered_model():
    (only,) = plan(_patients(20)).parts
    assert (len(only.training), len(only.held_out)) == (16, 4)
    assert not set(only.training) & set(only.held_out)


def test_studies_of_one_person_are_never_parted():
    patients = _patients(12, person=lambda n: (n + 1) // 2)
    by_name = {one.patient: one.person for one in patients}
    for one in plan(patients).parts:
        assert not {by_name[name] for name in one.training} & {by_name[name] for name in one.held_out}


def test_two_studies_of_two_persons_are_two_patients_not_four():
    assert len(plan(_patients(4, person=lambda n: (n + 1) // 2)).parts) == 1
