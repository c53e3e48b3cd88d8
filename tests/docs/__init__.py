"""Tests of the site: its pages build, load nothing from elsewhere, say what the code says, and their commands run."""
