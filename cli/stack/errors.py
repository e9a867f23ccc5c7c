"""What the stack says when it cannot do what was asked."""


class StackError(Exception):
    """The stack cannot start or go on; the message tells the user what to do about it."""
