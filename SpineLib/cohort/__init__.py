"""The BIDS-like folder of patients, said once: what is read, what is written, how masks are named."""
