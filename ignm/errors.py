"""The one exception that reaches a user as a message instead of a traceback."""


class IgnmError(Exception):
    """A problem that the user can mend; says what is wrong, where, what is allowed and what to do."""
