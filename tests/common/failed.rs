//! The error of generators that tests tell to fail.

#[derive(Debug)]
pub(crate) struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it was told to fail")
    }
}

impl std::error::Error for Failed {}
