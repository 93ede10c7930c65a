"""Learning to mark lesions of bone on CT in 3-D, by their kind."""
