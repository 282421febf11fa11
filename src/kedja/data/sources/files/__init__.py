"""Where the files of a source lie: folders, archives that are read in place, archives that are unpacked first."""
