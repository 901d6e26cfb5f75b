//! Reads and writes boxes.

use super::Mp4Error;

/// Length of a box's header; 16 if its size takes 64 bits.
pub const HEAD: usize = 8;

/// The header of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxHead {
    /// The type of the box.
    pub kind: [u8; 4],
    /// Length of the header in bytes.
    pub head: u64,
    /// Length of the content in bytes.
    pub body: u64,
}

/// The header of a box, from its first 16 bytes or as many as there are.
#[must_use]
pub fn box_head(bytes: &[u8]) -> Option<BoxHead> {
    let mut fields = Fields::new(*b"    ", bytes);
    let size = fields.u32().ok()?;
    let kind = fields.take(4).ok()?.try_into().ok()?;
    let (head, size) = if size == 1 { (16, fields.u64().ok()?) } else { (8, u64::from(size)) };
    Some(BoxHead { kind, head, body: size.checked_sub(head)? })
}

/// A box with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Child<'a> {
    pub(super) kind: [u8; 4],
    pub(super) body: &'a [u8],
    /// Header and content.
    pub(super) whole: &'a [u8],
}

/// All boxes in the content of a box.
pub(super) fn children(mut bytes: &[u8]) -> Result<Vec<Child<'_>>, Mp4Error> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let head = box_head(bytes).ok_or(Mp4Error::Cut(*b"    "))?;
        let end = usize::try_from(head.head + head.body).ok().filter(|&end| end <= bytes.len());
        let (whole, rest) = bytes.split_at(end.ok_or(Mp4Error::Cut(head.kind))?);
        let start = if head.head == 16 { 16 } else { HEAD };
        found.push(Child { kind: head.kind, body: &whole[start..], whole });
        bytes = rest;
    }
    Ok(found)
}

/// The content of the first box of this type.
pub(super) fn child(bytes: &[u8], kind: [u8; 4]) -> Result<&[u8], Mp4Error> {
    optional(bytes, kind)?.ok_or(Mp4Error::Missing(kind))
}

pub(super) fn optional(bytes: &[u8], kind: [u8; 4]) -> Result<Option<&[u8]>, Mp4Error> {
    let found = children(bytes)?.into_iter().find(|child| child.kind == kind);
    Ok(found.map(|child| child.body))
}

/// The content of the box that this path of types leads to.
pub(super) fn descend<'a>(bytes: &'a [u8], path: &[[u8; 4]]) -> Result<&'a [u8], Mp4Error> {
    path.iter().try_fold(bytes, |bytes, kind| child(bytes, *kind))
}

/// A box with this content.
#[must_use]
pub fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = (body.len() + HEAD) as u64;
    let head = match u32::try_from(size) {
        Ok(size) => [&size.to_be_bytes()[..], &kind].concat(),
        Err(_) => [&1_u32.to_be_bytes()[..], &kind, &(size + 8).to_be_bytes()].concat(),
    };
    [&head, body].concat()
}

/// Reads the fields of a box one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    kind: [u8; 4],
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(kind: [u8; 4], body: &'a [u8]) -> Self {
        Self { kind, rest: body }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Mp4Error> {
        let taken = self.rest.split_at_checked(count).ok_or(Mp4Error::Cut(self.kind))?;
        self.rest = taken.1;
        Ok(taken.0)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mp4Error> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Mp4Error> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    /// A number of 32 bits, or of 64 bits in version 1.
    pub(super) fn long(&mut self, version: u8) -> Result<u64, Mp4Error> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }

    /// Version and flags.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Mp4Error> {
        let both = self.u32()?;
        let [version, ..] = both.to_be_bytes();
        Ok((version, both & 0x00ff_ffff))
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
