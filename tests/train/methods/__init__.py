"""Tests of the methods, each as a function of its own."""
