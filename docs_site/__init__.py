"""The documentation as a site: the Markdown pages of the repository, and a reference that is made from the code."""
