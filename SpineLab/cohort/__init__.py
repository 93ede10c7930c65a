"""Patients of one's own and of public data sets: what a folder of them is good for, and how it gets its form."""
