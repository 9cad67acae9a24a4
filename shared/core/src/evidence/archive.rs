//! The bundle's archive: a zip in one fixed shape, so that no byte of it can differ unnoticed and no two readers of zip
//! files can see two bundles in it.
//!
//! Members are stored, one after the other from the first byte, each followed by its data descriptor (a bundle is written
//! as it is made, before lengths are known). Names are ASCII, times 1980-01-01, permissions 0644, no extra fields, no
//! comments. What is below 4 GiB needs no zip64, and nothing else is read.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::Crc;

use super::verify::{Bundle, BundleError};

const END_LENGTH: usize = 22;
const CENTRAL_LENGTH: usize = 46;
/// Most bytes of all central headers: those of some ten thousand files.
const MOST_CENTRAL: u64 = 1 << 20;
/// Bytes read at a time.
const BUFFER: usize = 64 * 1024;
/// 1980-01-01 in the two-byte form of MS-DOS: the first day that the format knows.
const DATE: [u8; 2] = [0x21, 0];
/// A data descriptor follows the member.
const FLAGS: [u8; 2] = [8, 0];
/// Version 1.0 of the format reads it.
const VERSION: [u8; 2] = [10, 0];
/// Made on Unix, by version 1.0: the permissions are those of Unix.
const MADE_BY: [u8; 2] = [10, 3];
/// A regular file, 0644.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// A file that is not a bundle's archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It ends before it should, or is no zip.
    #[error("not a whole zip file: its end is missing or does not fit")]
    End,
    /// It is a zip, and not as bundles are written.
    #[error("not written as bundles are: {0}")]
    Shape(&'static str),
    /// A member's checksum is wrong.
    #[error("{0} is damaged: its checksum is wrong")]
    Checksum(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    name: String,
    start: u64,
    length: u32,
    crc: u32,
}

/// An archive whose every byte outside the members' content is as the format has it, and whose checksums are right.
pub struct Archive<R> {
    source: RefCell<R>,
    members: Vec<Place>,
}

fn local_header(name: &str) -> Vec<u8> {
    let mut header = b"PK\x03\x04".to_vec();
    for part in [&VERSION[..], &FLAGS, &[0; 4], &DATE, &[0; 12], &length(name), &[0; 2], name.as_bytes()] {
        header.extend_from_slice(part);
    }
    header
}

fn descriptor(member: &Place) -> Vec<u8> {
    let mut descriptor = b"PK\x07\x08".to_vec();
    for part in [member.crc, member.length, member.length] {
        descriptor.extend_from_slice(&part.to_le_bytes());
    }
    descriptor
}

fn central_header(member: &Place, offset: u32) -> Vec<u8> {
    let mut header = b"PK\x01\x02".to_vec();
    for part in [&MADE_BY[..], &VERSION, &FLAGS, &[0; 4], &DATE] {
        header.extend_from_slice(part);
    }
    for part in [member.crc, member.length, member.length] {
        header.extend_from_slice(&part.to_le_bytes());
    }
    for part in [&length(&member.name)[..], &[0; 8], &ATTRIBUTES.to_le_bytes(), &offset.to_le_bytes()] {
        header.extend_from_slice(part);
    }
    header.extend_from_slice(member.name.as_bytes());
    header
}

fn end_record(members: u16, central_length: u32, central_offset: u32) -> Vec<u8> {
    let mut record = b"PK\x05\x06".to_vec();
    for part in [&[0; 4][..], &members.to_le_bytes(), &members.to_le_bytes()] {
        record.extend_from_slice(part);
    }
    for part in [central_length, central_offset] {
        record.extend_from_slice(&part.to_le_bytes());
    }
    record.extend_from_slice(&[0; 2]);
    record
}

/// A name's length; names that are too long for it were refused before.
fn length(name: &str) -> [u8; 2] {
    u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes()
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the whole archive once and checks everything but what the members say.
    pub fn open(mut source: R) -> Result<Self, ArchiveError> {
        let total = source.seek(SeekFrom::End(0))?;
        let end_offset = total.checked_sub(END_LENGTH as u64).ok_or(ArchiveError::End)?;
        source.seek(SeekFrom::Start(end_offset))?;
        let mut end = [0; END_LENGTH];
        source.read_exact(&mut end)?;
        let (count, central_length, central_offset) = (u16_at(&end, 10), u32_at(&end, 12), u32_at(&end, 16));
        let fits = u64::from(central_offset).checked_add(central_length.into()) == Some(end_offset);
        if end[..] != end_record(count, central_length, central_offset) || !fits {
            return Err(ArchiveError::End);
        }
        if u64::from(central_length) > MOST_CENTRAL {
            return Err(ArchiveError::Shape("too many files"));
        }
        source.seek(SeekFrom::Start(central_offset.into()))?;
        let mut central = vec![0; central_length as usize];
        source.read_exact(&mut central)?;
        source.rewind()?;
        let members = read_members(&mut BufReader::with_capacity(BUFFER, &mut source), &central, count)?;
        let data_end = members.last().map_or(0, |member| member.start + u64::from(member.length) + 16);
        if data_end != u64::from(central_offset) {
            return Err(ArchiveError::Shape("bytes between the files and their list"));
        }
        Ok(Self { source: RefCell::new(source), members })
    }
}

/// Follows the list of members through the archive, comparing every byte of the frame with what it must be.
fn read_members(source: &mut impl BufRead, central: &[u8], count: u16) -> Result<Vec<Place>, ArchiveError> {
    let mut members = Vec::new();
    let (mut rest, mut offset) = (central, 0_u64);
    while !rest.is_empty() {
        let fixed = rest.get(..CENTRAL_LENGTH).ok_or(ArchiveError::Shape("the list of files breaks off"))?;
        let (crc, size, name_length) = (u32_at(fixed, 16), u32_at(fixed, 20), usize::from(u16_at(fixed, 28)));
        let name = rest.get(CENTRAL_LENGTH..CENTRAL_LENGTH + name_length).filter(|name| name.is_ascii());
        let name = name.and_then(|name| std::str::from_utf8(name).ok()).ok_or(ArchiveError::Shape("a file's name"))?;
        let local = local_header(name);
        let start = offset + local.len() as u64;
        let member = Place { name: name.to_owned(), start, length: size, crc };
        let at = u32::try_from(offset).map_err(|_| ArchiveError::Shape("larger than 4 GiB"))?;
        if !rest.starts_with(&central_header(&member, at)) {
            return Err(ArchiveError::Shape("the list of files"));
        }
        expect(source, &local, "a file's header")?;
        if checksum(source, size)? != crc {
            return Err(ArchiveError::Checksum(member.name));
        }
        let descriptor = descriptor(&member);
        expect(source, &descriptor, "what follows a file")?;
        offset = start + u64::from(size) + descriptor.len() as u64;
        rest = rest.get(CENTRAL_LENGTH + name_length..).unwrap_or_default();
        members.push(member);
    }
    if members.len() == usize::from(count) { Ok(members) } else { Err(ArchiveError::End) }
}

fn expect(source: &mut impl BufRead, bytes: &[u8], what: &'static str) -> Result<(), ArchiveError> {
    let mut read = vec![0; bytes.len()];
    match source.read_exact(&mut read) {
        Ok(()) if read == bytes => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
        _ => Err(ArchiveError::Shape(what)),
    }
}

fn checksum(source: &mut impl BufRead, size: u32) -> Result<u32, ArchiveError> {
    let (mut crc, mut left) = (Crc::new(), u64::from(size));
    while left > 0 {
        let bytes = source.fill_buf()?;
        let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if taken == 0 {
            return Err(ArchiveError::End);
        }
        crc.update(&bytes[..taken]);
        source.consume(taken);
        left -= taken as u64;
    }
    Ok(crc.sum())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// A member's bytes; several may be read at once.
struct Part<'a, R> {
    source: &'a RefCell<R>,
    at: u64,
    end: u64,
}

impl<R: Read + Seek> Read for Part<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let mut source = self.source.try_borrow_mut().map_err(io::Error::other)?;
        source.seek(SeekFrom::Start(self.at))?;
        let read = source.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Bundle for Archive<R> {
    fn names(&self) -> Vec<String> {
        self.members.iter().map(|member| member.name.clone()).collect()
    }

    fn open(&self, name: &str) -> Result<Box<dyn BufRead + '_>, BundleError> {
        let member = self.members.iter().find(|member| member.name == name);
        let member = member.ok_or_else(|| BundleError::Absent(name.to_owned()))?;
        let end = member.start + u64::from(member.length);
        let part = Part { source: &self.source, at: member.start, end };
        Ok(Box::new(BufReader::with_capacity(BUFFER, part)))
    }
}
