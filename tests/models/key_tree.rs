//! A key tree without keys, written from RFC 2627 §5.4 alone: which node has which key, by a name, what a message brings under what,
//! and what somebody who has some of the keys makes of it.

use std::collections::{BTreeMap, BTreeSet};

use xcast_sec::group::lkh::ApplyError;

/// A key: the epoch that it is of, and a name that no other has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) version: u32,
    name: usize,
}

/// What an entry says, and what is in it: the key that opens it, and the one it holds. None if it was damaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) child: usize,
    pub(crate) version: u32,
    pub(crate) sealed: Option<(Key, Key)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) epoch: u32,
    pub(crate) entries: Vec<Entry>,
    /// What opens the payload. None if it was damaged.
    pub(crate) root: Option<Key>,
}

/// All keys, by the number of their nodes: 1 is the root, below n are 2n and 2n + 1.
pub(crate) struct Tree {
    leaves: usize,
    pub(crate) epoch: u32,
    keys: BTreeMap<usize, Key>,
    dirty: BTreeSet<usize>,
    names: usize,
}

impl Tree {
    pub(crate) fn new(leaves: usize) -> Self {
        Self { leaves, epoch: 0, keys: BTreeMap::new(), dirty: BTreeSet::new(), names: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.range(self.leaves..).count()
    }

    pub(crate) fn is_pending(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn name(&mut self, version: u32) -> Key {
        self.names += 1;
        Key { version, name: self.names }
    }

    fn above(node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node / 2), |node| Some(node / 2)).take_while(|node| *node > 0)
    }

    /// The first free leaf, and what a newcomer there has.
    pub(crate) fn join(&mut self) -> Option<(usize, Holder)> {
        let leaf = (0..self.leaves).find(|leaf| !self.keys.contains_key(&(self.leaves + leaf)))?;
        let (node, key) = (self.leaves + leaf, self.name(self.epoch));
        self.keys.insert(node, key);
        self.dirty.extend(Self::above(node));
        Some((leaf, Holder { leaf: node, epoch: self.epoch, keys: BTreeMap::from([(node, key)]) }))
    }

    pub(crate) fn leave(&mut self, leaf: usize) -> bool {
        let node = self.leaves + leaf;
        let was = node < 2 * self.leaves && self.keys.remove(&node).is_some();
        if was {
            self.dirty.extend(Self::above(node));
        }
        was
    }

    fn is_occupied(&self, node: usize) -> bool {
        self.keys.range(self.leaves..).any(|(leaf, _)| *leaf == node || Self::above(*leaf).any(|above| above == node))
    }

    fn changing(&self) -> BTreeSet<usize> {
        if self.dirty.is_empty() { BTreeSet::from([1]) } else { self.dirty.clone() }
    }

    /// How many keys the next message holds.
    pub(crate) fn entries(&self) -> usize {
        self.changing()
            .iter()
            .flat_map(|node| [2 * node, 2 * node + 1])
            .filter(|child| self.is_occupied(*child))
            .count()
    }

    /// An epoch is used up, and nothing comes of it.
    pub(crate) fn fail(&mut self) {
        self.dirty = self.changing();
        self.epoch += 1;
    }

    pub(crate) fn rekey(&mut self) -> Message {
        self.fail();
        for node in std::mem::take(&mut self.dirty).into_iter().collect::<Vec<_>>().into_iter().rev() {
            self.keys.remove(&node);
            if self.is_occupied(node) {
                let key = self.name(self.epoch);
                self.keys.insert(node, key);
            }
        }
        let new = |node: &usize| self.keys.get(node).is_some_and(|key| key.version == self.epoch);
        let children = (2..2 * self.leaves).rev().filter(|child| new(&(child / 2)) && self.keys.contains_key(child));
        let entry = |child: usize| {
            let (with, what) = (self.keys[&child], self.keys[&(child / 2)]);
            Entry { child, version: with.version, sealed: Some((with, what)) }
        };
        Message { epoch: self.epoch, entries: children.map(entry).collect(), root: self.keys.get(&1).copied() }
    }
}

/// Who sits, or sat, on a leaf, and the keys that it has.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    leaf: usize,
    pub(crate) epoch: u32,
    keys: BTreeMap<usize, Key>,
}

impl Holder {
    /// Takes a message, or says why not and is as it was.
    pub(crate) fn apply(&mut self, message: &Message) -> Result<(), ApplyError> {
        if message.epoch <= self.epoch {
            return Err(ApplyError::Stale);
        }
        let (mut keys, mut missed) = (self.keys.clone(), false);
        for entry in &message.entries {
            let own = entry.child == self.leaf || Tree::above(self.leaf).any(|node| node == entry.child && node != 1);
            if !own {
                continue;
            }
            let Some(held) = keys.get(&entry.child).copied().filter(|key| key.version == entry.version) else {
                missed |= entry.version != message.epoch;
                continue;
            };
            if keys.get(&(entry.child / 2)).is_some_and(|key| key.version == message.epoch) {
                return Err(ApplyError::Malformed);
            }
            match entry.sealed {
                Some((with, what)) if with == held => keys.insert(entry.child / 2, what),
                _ => return Err(ApplyError::Authentication),
            };
        }
        match keys.get(&1) {
            Some(root) if root.version == message.epoch => {
                if message.root != Some(*root) {
                    return Err(ApplyError::Authentication);
                }
            }
            _ if missed => return Err(ApplyError::Missed),
            _ => return Err(ApplyError::Excluded),
        }
        (self.keys, self.epoch) = (keys, message.epoch);
        Ok(())
    }
}
