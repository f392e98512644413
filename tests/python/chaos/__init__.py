"""All attacks on one bridge at once, beside those who use it as it is meant. `python3 -m chaos --help`."""
