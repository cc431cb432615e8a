"""What the tests of this folder use of the shared fixtures."""

from contexts import ctx

__all__ = ["ctx"]
