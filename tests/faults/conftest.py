"""What the tests of this folder use of the shared fixtures."""

from contexts import all_is_whole, children_without_pytest, ctx

__all__ = ["all_is_whole", "children_without_pytest", "ctx"]
