"""`python -P -m train` is `ei-train`; without `-P` a `train.py` of the working directory comes first."""

from train.start import main

main()
