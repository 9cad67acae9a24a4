"""The whole stack on one machine: the real template, on an AWS emulator. See README.md."""
