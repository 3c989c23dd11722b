//! A partition's position: its watermark, the holes below it and what is parked.
