"""The report of a run: what is found out about the model, and the page that shows it."""
