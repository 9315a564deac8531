//! Reading and writing messages.

use super::{
    Acknowledged, Body, BufferTooSmall, Change, Changes, ExpelReason, Header, MAX_MEMBERS, MESSAGE_HEADER_LEN, Message,
    MessageError, Push, RefuseReason, RejectReason, Roles,
};
use crate::group::membership::octets::{Reader, Writer};
use crate::group::membership::{Epoch, GroupId, Incarnation, Version};

const MAGIC: [u8; 2] = *b"XM";
const FORMAT: u8 = 1;
const CUT: u8 = 1;
const MAY_SEND: u8 = 2;

impl<'a> Message<'a> {
    /// Reads a message, which must fill `octets`.
    ///
    /// # Errors
    ///
    /// - Every [`MessageError`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let too_short = MessageError::TooShort { actual: octets.len() };
        let mut reader = Reader::new(octets);
        if reader.array().ok_or(too_short)? != MAGIC {
            return Err(MessageError::Magic);
        }
        match reader.u8().ok_or(too_short)? {
            FORMAT => {}
            other => return Err(MessageError::UnsupportedVersion(other)),
        }
        let kind = reader.u8().ok_or(too_short)?;
        let stated = usize::from(reader.u16().ok_or(too_short)?);
        zeros::<2>(&mut reader, too_short)?;
        let mut number = || reader.u64().ok_or(too_short);
        let header = Header {
            group: GroupId::new(number()?),
            version: Version::new(number()?),
            epoch: Epoch::new(number()?),
            incarnation: Incarnation::new(number()?),
        };
        let actual = reader.rest().len();
        if stated != actual {
            return Err(MessageError::Length { stated, actual });
        }
        let body = body(kind, &header, reader)?;
        // Only who asks about, or is told, nothing of a stay of its own has none.
        if header.incarnation == Incarnation::NONE {
            return Err(MessageError::MissingNumber);
        }
        Ok(Self { header, body })
    }

    /// Writes the message at the start of `out` and returns its length.
    ///
    /// # Errors
    ///
    /// - [`BufferTooSmall`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        match self.body {
            Body::Update { base, changes } => emit_list(&self.header, Some(base), changes.iter(), out),
            Body::Answer { members } => emit_list(&self.header, None, members.iter(), out),
            body => write(&self.header, type_of(&body), out, |writer| emit_fixed(&body, writer)),
        }
    }
}

const fn type_of(body: &Body<'_>) -> u8 {
    match body {
        Body::Join { .. } => 1,
        Body::Invite => 2,
        Body::Accept { .. } => 3,
        Body::Refuse(_) => 4,
        Body::Push(_) => 5,
        Body::Activate => 6,
        Body::Acknowledge(_) => 7,
        Body::Reject(_) => 8,
        Body::Delete => 9,
        Body::Leave => 10,
        Body::Expelled(_) => 11,
        Body::Update { .. } => 12,
        Body::Query => 13,
        Body::Answer { .. } => 14,
    }
}

/// Takes `N` octets that must be zero; `missing` if there are fewer.
fn zeros<const N: usize>(reader: &mut Reader<'_>, missing: MessageError) -> Result<(), MessageError> {
    if reader.array::<N>().ok_or(missing)? == [0; N] { Ok(()) } else { Err(MessageError::Reserved) }
}

fn body<'a>(kind: u8, header: &Header, mut reader: Reader<'a>) -> Result<Body<'a>, MessageError> {
    let wrong = MessageError::BodyLength { actual: reader.rest().len() };
    let body = match kind {
        1 | 3 => {
            let roles = Roles::from_bits(reader.u8().ok_or(wrong)?).ok_or(MessageError::Roles)?;
            zeros::<3>(&mut reader, wrong)?;
            if kind == 1 { Body::Join { roles } } else { Body::Accept { roles } }
        }
        2 => Body::Invite,
        4 | 8 | 11 => {
            let code = reader.u16().ok_or(wrong)?;
            zeros::<2>(&mut reader, wrong)?;
            match kind {
                4 => Body::Refuse(RefuseReason::from_code(code)),
                8 => Body::Reject(RejectReason::from_code(code)),
                _ => Body::Expelled(ExpelReason::from_code(code)),
            }
        }
        5 => {
            let push = push(&mut reader, wrong)?;
            Body::Push(push)
        }
        6 => Body::Activate,
        7 => {
            let code = reader.u8().ok_or(wrong)?;
            zeros::<3>(&mut reader, wrong)?;
            Body::Acknowledge(Acknowledged::from_code(code).ok_or(MessageError::Acknowledged(code))?)
        }
        9 => Body::Delete,
        10 => Body::Leave,
        12 => {
            let base = Version::new(reader.u64().ok_or(wrong)?);
            let changes = list(&mut reader, base == Version::NONE, wrong)?;
            if header.version <= base {
                return Err(MessageError::MissingNumber);
            }
            Body::Update { base, changes }
        }
        13 => Body::Query,
        14 => Body::Answer { members: list(&mut reader, true, wrong)? },
        other => return Err(MessageError::UnknownType(other)),
    };
    if !reader.rest().is_empty() {
        return Err(wrong);
    }
    let of_an_epoch = matches!(
        body,
        Body::Push(_)
            | Body::Activate
            | Body::Delete
            | Body::Reject(_)
            | Body::Acknowledge(Acknowledged::Push | Acknowledged::Activate | Acknowledged::Delete)
    );
    if of_an_epoch && header.epoch == Epoch::NONE { Err(MessageError::MissingNumber) } else { Ok(body) }
}

fn push<'a>(reader: &mut Reader<'a>, wrong: MessageError) -> Result<Push<'a>, MessageError> {
    let activate_in = reader.u32().ok_or(wrong)?;
    let deactivate_in = reader.u32().ok_or(wrong)?;
    let flags = reader.u8().ok_or(wrong)?;
    zeros::<1>(reader, wrong)?;
    let sender = reader.u16().ok_or(wrong)?;
    let may_send = flags & MAY_SEND != 0;
    if flags & !(CUT | MAY_SEND) != 0 || (!may_send && sender != 0) {
        return Err(MessageError::Flags);
    }
    if deactivate_in < activate_in {
        return Err(MessageError::Times);
    }
    let len = usize::from(reader.u16().ok_or(wrong)?);
    zeros::<2>(reader, wrong)?;
    let association = reader.take(len).ok_or(wrong)?;
    if association.is_empty() {
        return Err(MessageError::NoAssociation);
    }
    let sender = may_send.then_some(sender);
    Ok(Push { activate_in, deactivate_in, cut: flags & CUT != 0, sender, association })
}

fn list<'a>(reader: &mut Reader<'a>, only_joined: bool, wrong: MessageError) -> Result<Changes<'a>, MessageError> {
    let count = usize::from(reader.u8().ok_or(wrong)?);
    zeros::<3>(reader, wrong)?;
    if count > MAX_MEMBERS {
        return Err(MessageError::Entry { index: MAX_MEMBERS });
    }
    let octets = reader.take(reader.rest().len()).ok_or(wrong)?;
    Changes::new(octets, count, only_joined).map_err(|index| MessageError::Entry { index })
}

/// Writes header and body; the length of the body is filled in behind it.
fn write(
    header: &Header,
    kind: u8,
    out: &mut [u8],
    body: impl FnOnce(&mut Writer<'_>),
) -> Result<usize, BufferTooSmall> {
    let mut writer = Writer::new(out);
    writer.put(&MAGIC);
    writer.u8(FORMAT);
    writer.u8(kind);
    writer.u32(0);
    writer.u64(header.group.value());
    writer.u64(header.version.value());
    writer.u64(header.epoch.value());
    writer.u64(header.incarnation.value());
    body(&mut writer);
    // No body is longer: lists are bounded, and an association's length has 16 bits less what is in front of it.
    let body_len = u16::try_from(writer.len().saturating_sub(MESSAGE_HEADER_LEN)).unwrap_or(u16::MAX);
    writer.patch(4, &body_len.to_be_bytes());
    writer.finish().map(|written| written.len()).map_err(|needed| BufferTooSmall { needed })
}

fn emit_fixed(body: &Body<'_>, writer: &mut Writer<'_>) {
    let mut reason = |code: u16| {
        writer.u16(code);
        writer.u16(0);
    };
    match body {
        Body::Join { roles } | Body::Accept { roles } => writer.put(&[roles.bits(), 0, 0, 0]),
        Body::Refuse(why) => reason(why.code()),
        Body::Reject(why) => reason(why.code()),
        Body::Expelled(why) => reason(why.code()),
        Body::Acknowledge(what) => writer.put(&[what.code(), 0, 0, 0]),
        Body::Push(push) => {
            writer.u32(push.activate_in);
            writer.u32(push.deactivate_in);
            let may_send = if push.sender.is_some() { MAY_SEND } else { 0 };
            writer.put(&[may_send | if push.cut { CUT } else { 0 }, 0]);
            writer.u16(push.sender.unwrap_or(0));
            writer.u16(u16::try_from(push.association.len()).unwrap_or(u16::MAX));
            writer.u16(0);
            writer.put(push.association);
        }
        Body::Invite | Body::Activate | Body::Delete | Body::Leave | Body::Query => {}
        // Written by `emit_list`.
        Body::Update { .. } | Body::Answer { .. } => {}
    }
}

/// Writes an update from `base`, or without one an answer.
pub(in crate::group::membership) fn emit_list(
    header: &Header,
    base: Option<Version>,
    changes: impl Iterator<Item = Change> + Clone,
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let kind = if base.is_some() { 12 } else { 14 };
    write(header, kind, out, |writer| {
        if let Some(base) = base {
            writer.u64(base.value());
        }
        let changes = changes.take(MAX_MEMBERS);
        // At most 127.
        let count = u8::try_from(changes.clone().count()).unwrap_or(u8::MAX);
        writer.put(&[count, 0, 0, 0]);
        changes.for_each(|change| change.emit(writer));
    })
}
