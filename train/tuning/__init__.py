"""The search for the best model that fits a board, and what a model costs before it is trained."""
