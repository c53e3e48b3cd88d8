"""Tests of what every room stands on: files, parsing, progress."""
