"""The readers and files with mutated headers; many more by ``make fuzz``."""

from Testing.volume.fuzz import fuzz

#: Of each format.
MUTATIONS = 40


def test_a_mutated_header_is_read_as_others_read_it_or_with_a_note_or_refused_in_a_sentence():
    told = fuzz(MUTATIONS)
    for kind, outcomes in told.items():
        assert sum(outcomes.values()) == MUTATIONS
        assert outcomes["refused"] and outcomes["read as by the other reader"], f"mutations of {kind} test little"
