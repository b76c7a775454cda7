//! The transfers under way: how fast each is, and which of them are worth a row.
//!
//! Those that will take longest are shown, the slowest and largest first. The order is looked at once a second, so that rows
//! can be read.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::smooth;
use crate::stats::Active;

/// The time between two looks at the order.
const ORDER_EVERY: Duration = Duration::from_secs(1);

/// The time constant of the speeds, in seconds.
const STEADY: f64 = 2.0;

/// The transfers under way.
#[derive(Default)]
pub(super) struct Rows {
    speeds: HashMap<u64, Speed>,
    active: Vec<Active>,
    order: Vec<u64>,
    ordered: Option<Instant>,
}

struct Speed {
    began: Instant,
    seen: Instant,
    received: u64,
    /// Bytes per second, smoothed.
    rate: f64,
}

impl Rows {
    /// Takes what is under way `now`.
    pub(super) fn update(&mut self, active: Vec<Active>, now: Instant) {
        let mut speeds = HashMap::with_capacity(active.len());
        for transfer in &active {
            let known = self.speeds.remove(&transfer.number);
            let speed = known.unwrap_or(Speed {
                began: now,
                seen: now,
                received: transfer.received,
                rate: 0.0,
            });
            speeds.insert(transfer.number, speed.at(transfer.received, now));
        }
        (self.speeds, self.active) = (speeds, active);
        let is_due = self.ordered.is_none_or(|then| now - then >= ORDER_EVERY);
        if is_due {
            self.ordered = Some(now);
            let longest = |transfer: &&Active| Reverse(self.time_of(transfer, now));
            let mut sorted: Vec<_> = self.active.iter().collect();
            sorted.sort_by_key(longest);
            self.order = sorted.iter().map(|transfer| transfer.number).collect();
        }
    }

    /// How fast transfers have been says nothing any more.
    pub(super) fn forget(&mut self) {
        self.speeds.clear();
    }

    /// All transfers.
    pub(super) fn active(&self) -> &[Active] {
        &self.active
    }

    /// Up to `most` of the transfers, in order, and how fast each is in bytes per second.
    pub(super) fn first(&self, most: usize) -> Vec<(&Active, u64)> {
        let by_number: HashMap<_, _> = self.active.iter().map(|a| (a.number, a)).collect();
        let ordered = self.order.iter().filter_map(|number| by_number.get(number));
        let new = self
            .active
            .iter()
            .filter(|a| !self.order.contains(&a.number));
        let chosen = ordered.copied().chain(new).take(most);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a speed"
        )]
        let rate = |number| self.speeds.get(number).map_or(0, |speed| speed.rate as u64);
        chosen.map(|a| (a, rate(&a.number))).collect()
    }

    /// The bytes per second of all transfers.
    pub(super) fn rate(&self) -> f64 {
        self.speeds.values().map(|speed| speed.rate).sum()
    }

    /// How long the transfer that takes longest will take, by its size and its speed.
    pub(super) fn longest(&self) -> Option<Duration> {
        let left = self
            .active
            .iter()
            .filter_map(|transfer| self.left(transfer));
        left.max()
    }

    /// How long a transfer will take, if that can be said, or else has taken.
    fn time_of(&self, transfer: &Active, now: Instant) -> Duration {
        let taken = || Some(now - self.speeds.get(&transfer.number)?.began);
        let left = self.left(transfer).or_else(taken);
        left.unwrap_or_default()
    }

    fn left(&self, transfer: &Active) -> Option<Duration> {
        let rate = self.speeds.get(&transfer.number)?.rate;
        let bytes = transfer.expected.checked_sub(transfer.received)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = bytes as f64 / rate;
        (rate >= 1.0).then(|| Duration::try_from_secs_f64(seconds).ok())?
    }
}

impl Speed {
    /// The speed once so many bytes have been received. A transfer that has begun anew counts from there.
    fn at(mut self, received: u64, now: Instant) -> Self {
        let time = (now - self.seen).as_secs_f64();
        if time > 0.0 && received >= self.received {
            #[expect(clippy::cast_precision_loss, reason = "a speed")]
            let rate = (received - self.received) as f64 / time;
            let is_first = self.rate == 0.0;
            self.rate = if is_first {
                rate
            } else {
                smooth(self.rate, rate, time / STEADY)
            };
        }
        (self.seen, self.received) = (now, received);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(number: u64, received: u64, expected: u64) -> Active {
        Active {
            number,
            name: "".into(),
            received,
            expected,
        }
    }

    #[test]
    fn the_slowest_and_largest_come_first() {
        let (start, mut rows) = (Instant::now(), Rows::default());
        let fresh = [active(1, 0, 1000), active(2, 0, 1000), active(3, 0, 90_000)];
        rows.update(fresh.to_vec(), start);
        let later = start + ORDER_EVERY;
        let now = [
            active(1, 500, 1000),
            active(2, 10, 1000),
            active(3, 500, 90_000),
        ];
        rows.update(now.to_vec(), later);
        let first: Vec<_> = rows
            .first(2)
            .iter()
            .map(|(a, speed)| (a.number, *speed))
            .collect();
        assert_eq!(first, [(3, 500), (2, 10)]);
        assert_eq!(rows.longest(), Some(Duration::from_secs(179)));
        assert!((rows.rate() - 1010.0).abs() < 1.0, "{}", rows.rate());
        // between two looks, those that have ended make room
        rows.update(vec![active(4, 0, 10), active(2, 10, 1000)], later);
        let first: Vec<_> = rows.first(9).iter().map(|(a, _)| a.number).collect();
        assert_eq!(first, [2, 4]);
    }
}
