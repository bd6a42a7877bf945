"""The light table: a local page on which a picture turns into its negative while classifiers answer."""
