"""Who a client is: its credentials, and the ways to check them."""
