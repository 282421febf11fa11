"""Tables of which every row is an example: CSV, TSV and Parquet, read in a stream."""
