"""Where labelled images come from: one file and one registry line per source."""
