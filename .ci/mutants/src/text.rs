//! A source text with places in it that are written otherwise.

use std::ops::Range;

/// What a place becomes, piece by piece.
pub enum Piece {
    New(String),
    /// What stands in the source, with what is rewritten inside it.
    Old(Range<usize>),
    /// Up to `End`, what is written is due to these mutants.
    Start(Vec<u32>),
    End,
}

pub struct Site {
    /// Octets of the source; empty where something is put in.
    pub range: Range<usize>,
    pub pieces: Vec<Piece>,
}

/// Octets of the new text, and the mutants that they are due to.
pub struct Due {
    pub range: Range<usize>,
    pub mutants: Vec<u32>,
}

pub struct Writer<'a> {
    source: &'a str,
    /// A site stands before those inside it.
    sites: &'a [Site],
    text: String,
    due: Vec<Due>,
}

impl<'a> Writer<'a> {
    pub fn write(source: &'a str, sites: &'a [Site]) -> (String, Vec<Due>) {
        let mut writer = Self { source, sites, text: String::new(), due: Vec::new() };
        writer.old(0..source.len(), 0);
        (writer.text, writer.due)
    }

    /// Copies a range, rewriting the sites in it, `first` and later ones.
    fn old(&mut self, range: Range<usize>, first: usize) {
        let inside = |site: &Site| range.start <= site.range.start && site.range.end <= range.end;
        let mut inner: Vec<usize> = (first..self.sites.len()).filter(|&index| inside(&self.sites[index])).collect();
        inner.sort_by_key(|&index| (self.sites[index].range.start, !self.sites[index].range.is_empty(), index));
        let mut at = range.start;
        for index in inner {
            let site = &self.sites[index].range;
            // It is inside one that was written.
            if site.start < at {
                continue;
            }
            self.text.push_str(&self.source[at..site.start]);
            at = site.end;
            self.site(index);
        }
        self.text.push_str(&self.source[at..range.end]);
    }

    fn site(&mut self, index: usize) {
        let sites = self.sites;
        let mut open = Vec::new();
        for piece in &sites[index].pieces {
            match piece {
                Piece::New(text) => self.text.push_str(text),
                Piece::Old(range) => self.old(range.clone(), index + 1),
                Piece::Start(mutants) => open.push((self.text.len(), mutants.clone())),
                Piece::End => {
                    let (start, mutants) = open.pop().expect("an end has a start");
                    self.due.push(Due { range: start..self.text.len(), mutants });
                }
            }
        }
    }
}
