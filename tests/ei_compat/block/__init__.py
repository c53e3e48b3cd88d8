"""Tests of a block's files: arrays, their description, parameters."""
