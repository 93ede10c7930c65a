"""Learning from corrected patients: the training set, fine-tuning, and the former model beside the new one."""
