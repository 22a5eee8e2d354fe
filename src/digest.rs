//! Digests by which a change is noticed: of what was asked, and of what was recorded.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The first `bytes` bytes of the SHA-256 of `parts` together, in hexadecimal.
///
/// It catches accidents and casual edits. It is not a signature: anyone who changes a text on
/// purpose can recompute the digest.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>, bytes: usize) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    let hash = hash.finalize();
    hash.iter()
        .take(bytes)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The text of a JSON object with its digest as a last field.
pub(crate) fn stamped(object: &str, digest: &str) -> String {
    let open = object.strip_suffix('}').unwrap_or(object);
    open.to_owned() + &ending(digest)
}

/// The text of a JSON object without this digest, if that is its last field.
pub(crate) fn unstamped(text: &str, digest: &str) -> Option<String> {
    let open = text.strip_suffix(&ending(digest))?;
    Some(format!("{open}}}"))
}

fn ending(digest: &str) -> String {
    format!(",\"digest\":\"{digest}\"}}")
}

/// The first 16 hexadecimal digits of the SHA-256 of what is asked for, in canonical JSON: of an
/// experiment, its regime and procedure.
pub fn key(asked: &impl Serialize) -> String {
    let text = serde_json::to_string(asked)
        .unwrap_or_else(|e| unreachable!("plain values serialise: {e}"));
    digest([text.as_bytes()], 8)
}
