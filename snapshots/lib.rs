//! Golden reports; see the tests.
