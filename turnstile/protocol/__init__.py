"""The protocols of both vendors, under their own names, and the frames that carry them."""
