"""Errors that end a run, each with its fix."""


class ConfigurationError(Exception):
    """An operator must change something. The message contains the fix."""

    def __init__(self, problem, fix):
        super().__init__(f"{problem}\nfix: {fix}")


class LostCommit(Exception):
    """Another writer committed first, or overwrote the commit. The run starts over."""


class GivenUp(Exception):
    """Every attempt lost its commit. A later run stores what is missing."""


class NotRead(Exception):
    """A listed object could not be read, because it was deleted in between. A later run lists the objects again."""
