"""Which runs are to be done, and the processes that do them: here, forked, or on Ray."""
