"""One outside system a file. Adapters that read; those that write are in tools/actions."""
