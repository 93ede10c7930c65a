"""What the panels of all three modules share and Slicer's Qt is needed for: the worker as a QProcess, jobs, set-up.

SpineLib knows no Qt, and Slicer modules should not import one another; so this small package lies between them. It is
imported by module files only. Qt is imported here as Slicer has it (PythonQt's ``qt``).
"""
