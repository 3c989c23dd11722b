//! Pipeline files: what a topic holds and where it goes; records decoded by them.
