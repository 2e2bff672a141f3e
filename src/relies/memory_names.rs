//! Names that speak of memory: of which, and what a size of that name needs.

use super::floor::LineNeed;
use super::heap::heap_need;
use crate::text::contains;

/// Parts of options' names that speak of another memory than the job's, or of none.
const OF_OTHER_MEMORY: [&[u8]; 14] = [
    b"gpu",
    b"cuda",
    b"vram",
    b"device",
    b"member",
    b"remem",
    b"memo-",
    b"nomem",
    b"no-mem",
    b"no_mem",
    b"membind",
    b"mem-bind",
    b"linmem",
    b"mem-fraction-static",
];

/// Parts of those of which a size with a unit may be memory, but no number.
const OF_MODES: [&[u8]; 13] = [
    b"memory-map",
    b"mmap",
    b"pin-mem",
    b"pin_mem",
    b"usage",
    b"efficient",
    b"replay",
    b"_dim",
    b"-dim",
    b"profil",
    b"mem_len",
    b"mem-len",
    b"slots",
];

/// Parts of the names of what a program takes beside its heap or its other memory.
const BESIDE: [&[u8]; 6] = [
    b"overhead",
    b"offheap",
    b"off-heap",
    b"directmemory",
    b"object-store",
    b"object_store",
];

/// Parts of those that say that it is the heap of a Java machine.
const HEAPS: [&[u8]; 9] = [
    b"driver-memory",
    b"driver_memory",
    b"driver.memory",
    b"executor-memory",
    b"executor_memory",
    b"executor.memory",
    b"java-mem",
    b"bflyheap",
    b"jvmheap",
];

/// What so many MiB of that name need, which are taken so often; `None`: nobody can say how often.
pub fn need_of(name: &[u8], mib: u64, times: Option<u64>) -> LineNeed {
    let small = name.to_ascii_lowercase();
    let is = |parts: &[&[u8]]| parts.iter().any(|part| contains(&small, part));
    let Some(times) = times else {
        return LineNeed::AllMemory;
    };
    if is(&BESIDE) {
        return LineNeed::Beside(mib.saturating_mul(times));
    }
    let one = if is(&HEAPS) { heap_need(mib) } else { mib };
    LineNeed::Memory(one.saturating_mul(times))
}

/// An option or a variable of this name says how much memory something may take.
pub fn speaks_of_memory(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let part = |text: &[u8]| contains(&name, text);
    if OF_OTHER_MEMORY.iter().any(|other| part(other)) {
        return false;
    }
    part(b"mem")
        || part(b"heapspace")
        || part(b"maxram")
        || part(b"max-ram")
        || part(b"limitbamsortram")
        || part(b"genomegenerateram")
        || has_ram(&name)
        || part(b"gomemlimit")
        || part(b"cachemax")
        || part(b"old-space")
        || part(b"old_space")
        || is_heap(&name)
}

/// `--ram-gb`, `-RAM`, `--max_ram`, `--ramMax`: a word of the name.
fn has_ram(name: &[u8]) -> bool {
    let mut words = name.split(|byte| matches!(byte, b'-' | b'_' | b'.'));
    words.any(|word| matches!(word, b"ram" | b"rammax" | b"ramgb" | b"rammb" | b"ramlimit"))
}

/// `--heap`, `--max-heap`, `heap_size`.
fn is_heap(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| matches!(byte, b'-' | b'_' | b'.'));
    parts.any(|part| {
        matches!(
            part,
            b"heap" | b"heapsize" | b"maxheap" | b"minheap" | b"jvmheap"
        )
    })
}

/// A plain number of that name is none of memory.
pub fn is_mode(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    OF_MODES.iter().any(|part| contains(&name, part))
}
