/// One life of a database, in which nothing that was committed is lost. Where a standby takes over, or a copy of the database
/// is put in its place, another one begins, and what was committed last before may not be in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Incarnation(u128);

impl Incarnation {
    /// The only one of a store that nothing can take the place of without its owner's doing.
    pub const ONLY: Incarnation = Incarnation(0);

    /// The one with a number, which no other of the database has.
    #[must_use]
    pub const fn from_number(number: u128) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0
    }
}
