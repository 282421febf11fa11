"""Templates of other servers' files; `kedja.export.package` fills them in."""
