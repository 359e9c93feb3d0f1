/// An organisation that a tenant deals with. So far it is only a name for ids: there are no companies yet.
#[derive(Clone, Copy, Debug)]
pub enum Company {}
