"""Tests of the search, and of what networks cost before they are trained."""
