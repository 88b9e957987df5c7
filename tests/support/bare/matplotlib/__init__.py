"""What Python finds in place of Matplotlib in tests that look at no plot."""

raise ModuleNotFoundError("no matplotlib", name="matplotlib")
