//! NumPy's file format (version 1.0): a magic word, a header that is a Python literal, and numbers
//! in row-major order.
//!
//! A reader needs a parser of Python literals, which is what the crates for this format carry; to
//! write one takes a line.

/// An array of numbers of `N` bytes each, of a type such as `<f4` (little-endian, 4 bytes, floating
/// point).
pub(super) fn npy<const N: usize>(
    number: &str,
    shape: &[usize],
    values: impl Iterator<Item = [u8; N]>,
) -> Vec<u8> {
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let header = format!("{{'descr': '{number}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic word, version and length take ten bytes, a line feed ends the header, and numbers begin
    // at a multiple of 64.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((length as u16).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    file.extend(values.flatten());
    file
}
