"""`python -m train` is `ei-train`."""

from train.cli import main

main()
