//! Stands for a dependency that is not `no_std`. The proof must not build with it.

/// Reads something only std knows.
pub fn argument_count() -> usize {
    std::env::args().count()
}
