"""The panel of the repair: what it recognises, what it waits for, and what it shows before anything runs."""


def test_ct_and_vertebrae_are_chosen_by_themselves_and_the_headers_tell_what_is_done(damaged):
    ui = damaged.ui
    assert ui.ctSelector.currentNode() is damaged.ct and ui.vertebraeSelector.currentNode() is damaged.vertebrae
    assert "✓  52 × 56 × 60, 1.5 mm" in ui.ctSection.text
    assert "✓  L2 to L3" in ui.vertebraeSection.text
    assert "✓  Lesion" in ui.lesionSection.text
    assert "✓" not in ui.repairSection.text and "✓" not in ui.modelSection.text
