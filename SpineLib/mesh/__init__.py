"""Printable models: surface of a mask, repair, cuts, wall thickness, the print gate, STL / 3MF / OBJ / PLY files."""
