"""What is found out about a finished model beside its scores: its layers, its data, and what it takes on a board."""
