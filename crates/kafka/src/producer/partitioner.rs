//! Chooses partitions as Java's clients do.
//!
//! Counterpart: org.apache.kafka.clients.producer.internals.BuiltInPartitioner.

use rand::Rng;

/// The partition of a key: equal keys meet, whatever client wrote them.
pub(super) fn partition_of_key(key: &[u8], partitions: usize) -> i32 {
    let hash = (murmur2(key) & 0x7fff_ffff) as usize;
    i32::try_from(hash % partitions.max(1)).unwrap_or(0)
}

/// MurmurHash2 with Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// What there is to choose from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// Partitions.
    pub count: usize,
    /// Long queues are avoided.
    pub adaptive: bool,
}

/// For records without key: stays with a partition until a batch's worth went there, so that batches get full (KIP-794).
#[derive(Debug, Default)]
pub(super) struct Sticky {
    current: Option<i32>,
    bytes: usize,
    turn: usize,
}

impl Sticky {
    /// The partition to use now; `waiting` gives the batches that a partition has waiting, `None` if it cannot be written now.
    #[inline]
    pub(super) fn partition(&mut self, choice: Choice, waiting: impl Fn(usize) -> Option<usize>) -> i32 {
        if let Some(current) = self.current.filter(|current| (*current as usize) < choice.count) {
            return current;
        }
        let chosen = choose(choice, waiting);
        self.current = Some(chosen);
        self.bytes = 0;
        chosen
    }

    /// The partitions in turn, leaving out those that cannot be written now.
    pub(super) fn next_in_turn(&mut self, choice: Choice, waiting: impl Fn(usize) -> Option<usize>) -> i32 {
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let able: Vec<usize> = (0..choice.count).filter(|index| waiting(*index).is_some()).collect();
        let chosen = match able.len() {
            0 => turn % choice.count.max(1),
            len => able.get(turn % len).copied().unwrap_or(0),
        };
        i32::try_from(chosen).unwrap_or(0)
    }

    /// Notes what went there.
    #[inline]
    pub(super) fn appended(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A batch was finished there: time to move on if the partition has had its share.
    pub(super) fn batch_done(&mut self, partition: i32, batch_size: usize) {
        // A finished batch is rarely full to the last byte.
        if self.current == Some(partition) && self.bytes.saturating_mul(2) >= batch_size {
            self.current = None;
        }
    }
}

/// One at random; those with a longer queue than others are less likely, so that a slow broker does not hold up the rest.
fn choose(choice: Choice, waiting: impl Fn(usize) -> Option<usize>) -> i32 {
    if choice.count == 1 {
        return 0;
    }
    let queues: Vec<Option<usize>> = (0..choice.count).map(waiting).collect();
    let most = queues.iter().flatten().max().copied().unwrap_or(0);
    let weigh = |queue: &Option<usize>| match queue {
        None => 0,
        Some(batches) if choice.adaptive => (most - batches) as u64 + 1,
        Some(_) => 1,
    };
    let total: u64 = queues.iter().map(weigh).sum();
    let mut rng = rand::rng();
    if total == 0 {
        return i32::try_from(rng.random_range(0..choice.count.max(1))).unwrap_or(0);
    }
    let mut left = rng.random_range(0..total);
    for (index, weight) in queues.iter().map(weigh).enumerate() {
        if left < weight {
            return i32::try_from(index).unwrap_or(0);
        }
        left -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        // Values of org.apache.kafka.common.utils.Utils.murmur2.
        let expected: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in expected {
            assert_eq!(murmur2(key) as i32, hash);
        }
    }

    #[test]
    fn partitions_without_leader_or_with_long_queues_are_spared() {
        let spread = |adaptive| {
            let mut counts = [0; 3];
            for _ in 0..1000 {
                let choice = Choice { count: 3, adaptive };
                counts[choose(choice, |index| [None, Some(99), Some(0)][index]) as usize] += 1;
            }
            counts
        };
        let counts = spread(true);
        assert!(counts[0] == 0 && counts[2] > 950, "{counts:?}");
        let counts = spread(false);
        assert!(counts[0] == 0 && counts[1] > 400 && counts[2] > 400, "{counts:?}");
    }

    #[test]
    fn partitions_in_turn_leave_out_those_without_leader() {
        let mut sticky = Sticky::default();
        let choice = Choice { count: 3, adaptive: true };
        let mut turn = |able: [bool; 3]| sticky.next_in_turn(choice, |index| able[index].then_some(0));
        assert_eq!([0; 4].map(|_| turn([true, false, true])), [0, 2, 0, 2]);
        assert_eq!([0; 3].map(|_| turn([false; 3])), [1, 2, 0]);
    }
}
