"""Shape of a mask, orientation, signed distance, and every resampling."""
