"""`python -m train` is `ei-train`."""

from train.start import main

main()
