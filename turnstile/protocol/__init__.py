"""The two vendors' own words, and the frames that carry them."""
