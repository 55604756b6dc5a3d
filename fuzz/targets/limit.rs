//! An allocator that ends the program when a run holds more memory than its input explains.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

/// Bytes that a run may hold yet.
static ALLOWANCE: AtomicIsize = AtomicIsize::new(isize::MAX);

/// Counts what is held.
pub struct Limited;

impl Limited {
    fn take(size: usize) {
        let size = isize::try_from(size).unwrap_or(isize::MAX);
        let left = ALLOWANCE.fetch_sub(size, Ordering::Relaxed).saturating_sub(size);
        if left < 0 {
            // The report itself needs memory.
            ALLOWANCE.store(isize::MAX, Ordering::Relaxed);
            eprintln!("an allocation of {size} bytes goes {} bytes beyond what the input explains", -left);
            std::process::abort();
        }
    }
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOWANCE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while the bytes are moved.
        Self::take(size);
        // SAFETY: as the caller promised.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        ALLOWANCE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        moved
    }
}

/// Runs `work`, which may hold `bytes` at most at any time.
pub fn within(bytes: usize, work: impl FnOnce()) {
    ALLOWANCE.store(bytes as isize, Ordering::Relaxed);
    work();
    ALLOWANCE.store(isize::MAX, Ordering::Relaxed);
}
