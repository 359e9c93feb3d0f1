//! The testkit itself is tested: its wrappers do what they say, and its properties find what they are there to find.

mod wrappers;
