"""The repair of a destroyed vertebra."""
