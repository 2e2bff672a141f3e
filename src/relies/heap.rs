//! The heap of a Java machine, and what it takes beside that.

/// A heap is not all that its machine takes: a tenth and so many MiB more.
const BESIDE_HEAP_MIB: u64 = 256;

/// What a machine with a heap of so many MiB takes.
pub fn heap_need(mib: u64) -> u64 {
    mib.saturating_add(mib / 10 + BESIDE_HEAP_MIB)
}
