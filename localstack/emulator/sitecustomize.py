"""Runs in the emulator's Python before the emulator does.

Its Runtime API answers a function in several small writes. With Nagle's algorithm each later one waits for the function's
delayed acknowledgement of the one before, some 40 ms, which AWS does not.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
