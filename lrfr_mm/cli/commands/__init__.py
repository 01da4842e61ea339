"""The commands of ``lrfr``, a file each."""
