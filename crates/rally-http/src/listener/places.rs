use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::activity::Activity;
use crate::metrics::Refusal;

/// Connections that are looked at to find an idle one. Those that are busy are looked at last the next time, so a few
/// looks a connection find an idle one soon if there is any.
const LOOKS: usize = 64;

/// The places for connections, of all sources and of each one.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_per_source: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    last: u64,
    seats: HashMap<u64, Seat>,
    all: Order,
    by_source: HashMap<IpAddr, Order>,
}

/// Connections by the instant since which they were idle when last looked at. None of them is idle for longer than that.
type Order = BTreeSet<(Instant, u64)>;

#[derive(Debug)]
struct Seat {
    source: Option<IpAddr>,
    noted: Instant,
    activity: Arc<Activity>,
}

/// A place that a connection has until this is dropped, which is when its socket is closed.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    places: Arc<Places>,
    activity: Arc<Activity>,
}

/// A connection that has been told to leave.
#[derive(Debug)]
#[must_use = "its socket is open until it has left"]
pub(crate) struct Leaving(Arc<Activity>);

impl Leaving {
    /// Returns once its socket is closed.
    pub(crate) async fn left(self) {
        self.0.ended().await;
    }
}

impl Places {
    pub(crate) fn new(most: usize, most_per_source: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_source, taken: Mutex::default() })
    }

    /// A place for a connection, which counts for a source or, as that of a trusted proxy, for none. Where all are taken,
    /// the connection that is idle for longest has to leave: one of the same source if all of the source's are taken.
    ///
    /// # Errors
    /// The places that are all taken by connections of which none is idle.
    pub(crate) fn take(
        self: &Arc<Self>,
        source: Option<IpAddr>,
        activity: &Arc<Activity>,
    ) -> Result<(Place, Option<Leaving>), Refusal> {
        let mut taken = self.taken.lock();
        let of_source = source.and_then(|source| taken.by_source.get(&source)).map_or(0, Order::len);
        let leaving = if of_source >= self.most_per_source {
            Some(taken.evict(source).ok_or(Refusal::Source)?)
        } else if taken.seats.len() >= self.most {
            Some(taken.evict(None).ok_or(Refusal::All)?)
        } else {
            None
        };
        let number = taken.seat(source, Arc::clone(activity));
        let place = Place { number, places: Arc::clone(self), activity: Arc::clone(activity) };
        Ok((place, leaving))
    }

    /// Closes the connection that is idle for longest, if any is.
    pub(crate) fn make_room(&self) -> Option<Leaving> {
        self.taken.lock().evict(None)
    }
}

impl Taken {
    fn seat(&mut self, source: Option<IpAddr>, activity: Arc<Activity>) -> u64 {
        self.last += 1;
        let noted = Instant::now();
        self.seats.insert(self.last, Seat { source, noted, activity });
        self.all.insert((noted, self.last));
        if let Some(source) = source {
            self.by_source.entry(source).or_default().insert((noted, self.last));
        }
        self.last
    }

    /// Closes the connection that is idle for longest, of one source or of all.
    fn evict(&mut self, source: Option<IpAddr>) -> Option<Leaving> {
        for _ in 0..LOOKS {
            let order = match source {
                Some(source) => self.by_source.get(&source)?,
                None => &self.all,
            };
            let (noted, number) = *order.first()?;
            let seat = self.seats.get(&number)?;
            match seat.activity.idle_since() {
                Some(since) if since <= noted => {
                    let leaving = Leaving(Arc::clone(&seat.activity));
                    leaving.0.evict();
                    self.leave(number);
                    return Some(leaving);
                }
                Some(since) => self.note(number, since),
                None => self.note(number, Instant::now()),
            }
        }
        None
    }

    /// Notes that a connection is idle for no longer than since then.
    fn note(&mut self, number: u64, since: Instant) {
        let Some(seat) = self.seats.get_mut(&number) else { return };
        let before = (seat.noted, number);
        seat.noted = since;
        let of_source = seat.source.and_then(|source| self.by_source.get_mut(&source));
        for order in [Some(&mut self.all), of_source].into_iter().flatten() {
            order.remove(&before);
            order.insert((since, number));
        }
    }

    fn leave(&mut self, number: u64) {
        let Some(seat) = self.seats.remove(&number) else { return };
        self.all.remove(&(seat.noted, number));
        if let Some(source) = seat.source
            && let Some(order) = self.by_source.get_mut(&source)
        {
            order.remove(&(seat.noted, number));
            if order.is_empty() {
                self.by_source.remove(&source);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().leave(self.number);
        self.activity.end();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{super::activity::Exchange, *};

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    struct Connection {
        activity: Arc<Activity>,
        place: Option<Place>,
    }

    fn connect(places: &Arc<Places>, source: impl Into<Option<IpAddr>>) -> Connection {
        let activity = Activity::begin();
        let place = places.take(source.into(), &activity).ok().map(|(place, _)| place);
        Connection { activity, place }
    }

    fn is_evicted(connection: &Connection) -> bool {
        connection.activity.evicted().now_or_never().is_some()
    }

    #[test]
    fn the_longest_idle_connection_makes_room() {
        let places = Places::new(3, 3);
        let first = connect(&places, ONE);
        let second = connect(&places, OTHER);
        let third = connect(&places, ONE);
        drop(Exchange::begin(&first.activity));
        let fourth = connect(&places, ONE);
        assert!(fourth.place.is_some());
        assert_eq!([&first, &second, &third].map(is_evicted), [false, true, false]);
        let _busy = [&first, &third, &fourth].map(|busy| Exchange::begin(&busy.activity));
        assert!(connect(&places, ONE).place.is_none(), "none is idle");
        drop(third);
        assert!(connect(&places, ONE).place.is_some());
        assert!(!is_evicted(&first) && !is_evicted(&fourth));
    }

    #[test]
    fn a_source_makes_room_among_its_own() {
        let places = Places::new(10, 2);
        let stranger = connect(&places, OTHER);
        let own = [connect(&places, ONE), connect(&places, ONE)];
        let third = connect(&places, ONE);
        assert!(third.place.is_some());
        assert_eq!((is_evicted(&stranger), own.each_ref().map(is_evicted)), (false, [true, false]));
    }

    #[test]
    fn connections_of_no_source_make_room_only_when_all_places_are_taken() {
        let places = Places::new(4, 1);
        let proxied = [(); 4].map(|()| connect(&places, None));
        assert!(!proxied.iter().any(is_evicted));
        let stranger = connect(&places, ONE);
        assert_eq!(proxied.each_ref().map(is_evicted), [true, false, false, false]);
        let _other = connect(&places, ONE);
        assert!(is_evicted(&stranger) && !is_evicted(&proxied[1]));
    }

    #[test]
    fn a_connection_has_left_when_its_place_is_free() {
        let places = Places::new(1, 1);
        let first = connect(&places, ONE);
        let (_second, leaving) = places.take(Some(ONE), &Activity::begin()).ok().unwrap();
        let mut left = Box::pin(leaving.unwrap().left());
        assert!((&mut left).now_or_never().is_none());
        drop(first);
        assert!(left.now_or_never().is_some());
    }

    #[test]
    fn what_has_left_is_forgotten() {
        let places = Places::new(2, 2);
        for _ in 0..10 {
            drop(connect(&places, ONE));
        }
        let taken = places.taken.lock();
        assert!(taken.seats.is_empty() && taken.all.is_empty() && taken.by_source.is_empty());
    }
}
