"""Metastases or necrosis on MR (Hille 2020, Steffen 2020)."""
