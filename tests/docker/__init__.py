"""Tests of the image, of what lies beside it, and of the README's commands."""
