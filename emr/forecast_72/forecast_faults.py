"""Errors that end a run, each with its fix."""


class ConfigurationError(Exception):
    """Nothing but a change by an operator helps. The message names it."""

    def __init__(self, problem, fix):
        super().__init__(f"{problem}\nfix: {fix}")


class LostCommit(Exception):
    """Another writer was faster, or overwrote the commit. The run starts over."""


class GivenUp(Exception):
    """Every attempt lost its commit. A later run stores what is missing."""


class NotRead(Exception):
    """An object was listed and could not be read: it was deleted in between. A later run sees what there is."""
