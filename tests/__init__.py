"""Tests, in the folders of what they test; helpers are imported from here as `tests.AREA.NAME`."""
