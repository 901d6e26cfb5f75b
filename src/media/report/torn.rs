//! Counts packets that lack parts, in formats that report it.

/// If one of the next two packets is a key frame, the packet doesn't count: two intact files were
/// joined there, and only the continuity counters of their parts don't match. (ffmpeg marks the
/// last packet, or the one before it.)
#[derive(Debug, Default)]
pub(super) struct Torn {
    pub(super) count: u64,
    /// Whether the last packet lacks parts, and whether the one before it does.
    last: [bool; 2],
}

impl Torn {
    pub(super) fn add(&mut self, is_torn: bool, is_key: bool) {
        let [last, before] = if is_key { [false; 2] } else { self.last };
        self.count += u64::from(before);
        self.last = [is_torn, last];
    }
}

#[cfg(test)]
mod tests {
    use super::Torn;

    #[test]
    fn a_seam_between_intact_files_is_no_damage() {
        let (key, torn, whole) = ((false, true), (true, false), (false, false));
        for (packets, count) in [
            (vec![key, whole, whole, whole], 0),
            (vec![key, torn, key, whole, whole], 0),
            (vec![key, torn, whole, key, whole, whole], 0),
            (vec![key, torn, whole, whole, key], 1),
            (vec![key, torn, torn, torn, whole, whole], 3),
            (vec![(true, true), whole, whole], 1),
        ] {
            let mut torn = Torn::default();
            for &(is_torn, is_key) in &packets {
                torn.add(is_torn, is_key);
            }
            assert_eq!(torn.count, count, "{packets:?}");
        }
    }
}
