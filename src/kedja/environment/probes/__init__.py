"""Small programs that try one heavy package each, in a process of their own, and print JSON."""
