"""Vertebrae and lesions on CT."""
