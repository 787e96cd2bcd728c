//! Large collections are read ahead of the steps that use them, by workers that have nothing else to do.
//!
//! A step that collects often runs alone: its clones have ended, and what comes after it cannot start.
//!
//! Invariant: members are handed out in order, each of them once, whoever has read it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use crate::sandbox::{CollectedItem, ItemReader};

/// So many members are read at once: who needs the first of them waits for all,
const AT_ONCE: usize = 16;
/// or fewer if they take so many bytes.
const BYTES_AT_ONCE: u64 = 64 << 10;
/// A worker that reads ahead looks for a step to run after this time.
const READING_TIME: Duration = Duration::from_millis(1);
/// So many members are read ahead at most, about as many as a guest gets at once,
const MEMBERS_AHEAD: usize = 4096;
/// or fewer if they take so many bytes.
const BYTES_AHEAD: u64 = 4 << 20;

type Member = io::Result<CollectedItem>;

/// A collection that a running step uses.
pub(super) struct ReadAhead {
    /// None at the end, or after an error. Who reads holds it.
    unread: Mutex<Option<ItemReader>>,
    ready: Mutex<Ready>,
}

/// What was read and not used yet.
#[derive(Default)]
struct Ready {
    members: VecDeque<Member>,
    bytes: u64,
}

impl ReadAhead {
    fn new(members: ItemReader) -> Self {
        Self { unread: Mutex::new(Some(members)), ready: Mutex::default() }
    }

    /// True if there is more to be read ahead, and nobody is reading.
    pub(super) fn is_waiting(&self) -> bool {
        self.ready().has_room() && self.unread.try_lock().is_ok_and(|unread| unread.is_some())
    }

    /// Reads ahead for a while.
    pub(super) fn read_on(&self) {
        let begun = Instant::now();
        while begun.elapsed() < READING_TIME && self.ready().has_room() {
            let Ok(mut unread) = self.unread.try_lock() else { return };
            let (members, bytes) = read(&mut unread);
            if members.is_empty() {
                return;
            }
            // Before anybody else reads on: members are in order.
            self.ready().add(members, bytes);
        }
    }

    /// Takes what comes next, reading it if nobody has yet. Nothing at the end.
    fn take(&self, members: &mut VecDeque<Member>) {
        if self.ready().take(members) {
            return;
        }
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have been reading until now.
        if !self.ready().take(members) {
            members.extend(read(&mut unread).0);
        }
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    fn has_room(&self) -> bool {
        self.members.len() < MEMBERS_AHEAD && self.bytes < BYTES_AHEAD
    }

    fn add(&mut self, members: Vec<Member>, bytes: u64) {
        self.members.extend(members);
        self.bytes += bytes;
    }

    /// Moves everything to an empty queue. True if there was something.
    fn take(&mut self, members: &mut VecDeque<Member>) -> bool {
        std::mem::swap(&mut self.members, members);
        self.bytes = 0;
        !members.is_empty()
    }
}

/// Reads some members, and how many bytes they take.
fn read(unread: &mut Option<ItemReader>) -> (Vec<Member>, u64) {
    let (mut members, mut bytes) = (Vec::with_capacity(AT_ONCE), 0);
    while members.len() < AT_ONCE
        && bytes < BYTES_AT_ONCE
        && let Some(reader) = unread
    {
        match reader.next() {
            Some(Ok(member)) => {
                bytes += member.value.inline_bytes();
                members.push(Ok(member));
            }
            Some(Err(error)) => {
                members.push(Err(error));
                *unread = None;
            }
            None => *unread = None,
        }
    }
    (members, bytes)
}

/// The members of a collection for the step that uses it.
struct Reader {
    shared: Arc<Shared>,
    collection: Arc<ReadAhead>,
    here: VecDeque<Member>,
}

impl Iterator for Reader {
    type Item = Member;

    fn next(&mut self) -> Option<Member> {
        if self.here.is_empty() {
            self.collection.take(&mut self.here);
            if self.shared.idle_workers.load(Ordering::SeqCst) > 0 && self.collection.is_waiting() {
                // A worker that counts as idle holds the lock until it has looked at the collections and sleeps.
                drop(self.shared.lock());
                self.shared.wake.notify_one();
            }
        }
        self.here.pop_front()
    }
}

impl Shared {
    /// Has the members of a collection read ahead by other workers, where there are any.
    pub(super) fn read_ahead(self: &Arc<Self>, members: ItemReader) -> ItemReader {
        if self.trays.len() == 1 {
            return members;
        }
        let collection = Arc::new(ReadAhead::new(members));
        let mut state = self.lock();
        state.collections.retain(|it| it.strong_count() > 0);
        state.collections.push(Arc::downgrade(&collection));
        drop(state);
        Box::new(Reader { shared: Arc::clone(self), collection, here: VecDeque::new() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::sandbox::Value;

    fn collection(members: u32, each: usize) -> ReadAhead {
        let value = move |place| Value::Json(format!("{place:each$}").into());
        let member = move |place| Ok(CollectedItem { mapping_key: None, value: value(place) });
        ReadAhead::new(Box::new((0..members).map(member)))
    }

    /// The numbers of the members that are taken at once.
    fn taken(collection: &ReadAhead) -> Vec<u32> {
        let mut members = VecDeque::new();
        collection.take(&mut members);
        let number = |member: Member| match member.unwrap().value {
            Value::Json(text) => text.trim().parse().unwrap(),
            other => panic!("{other:?}"),
        };
        members.into_iter().map(number).collect()
    }

    #[test]
    fn members_come_in_order_and_once_whoever_reads_them() {
        let (members, is_over) = (100_000, AtomicBool::new(false));
        let collection = collection(members, 1);
        let all = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        collection.read_on();
                    }
                });
            }
            let all = std::iter::repeat_with(|| taken(&collection)).take_while(|some| !some.is_empty());
            let all: Vec<u32> = all.flatten().collect();
            is_over.store(true, Ordering::SeqCst);
            all
        });
        assert_eq!(all, (0..members).collect::<Vec<_>>());
        assert!(!collection.is_waiting());
    }

    #[test]
    fn no_more_is_read_ahead_than_fits() {
        for (each, most) in [(1, MEMBERS_AHEAD), (60_000, BYTES_AHEAD as usize / 60_000 + 1)] {
            let collection = collection(10_000, each);
            while collection.is_waiting() {
                collection.read_on();
            }
            let ahead = taken(&collection).len();
            assert!(ahead >= most && ahead < most + AT_ONCE, "{ahead} of {each} bytes");
            assert!(collection.is_waiting());
        }
    }

    #[test]
    fn nothing_is_read_after_an_error() {
        let mut places = 0..;
        let member = move || {
            let place = places.next()?;
            assert!(place <= 3, "member {place} was read");
            let fails = place == 3;
            let value = Value::Json("1".into());
            Some(if fails {
                Err(io::Error::other("gone"))
            } else {
                Ok(CollectedItem { mapping_key: None, value })
            })
        };
        let collection = ReadAhead::new(Box::new(std::iter::from_fn(member)));
        collection.read_on();
        assert!(!collection.is_waiting());
        let mut members = VecDeque::new();
        collection.take(&mut members);
        assert_eq!(members.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false]);
        members.clear();
        collection.take(&mut members);
        assert!(members.is_empty());
    }
}
