"""Training of the network that finds the vertebral column, on CT or on MR."""
