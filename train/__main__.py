"""`python -m train` is `ei-train`."""

from train.supervisor import main

main()
