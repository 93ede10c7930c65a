"""Learning to complete vertebrae that pieces were cut from."""
