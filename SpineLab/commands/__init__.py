"""What the laboratory adds to ``spine``: one file a subcommand: ``add_arguments(parser)`` and ``run(arguments)``."""
