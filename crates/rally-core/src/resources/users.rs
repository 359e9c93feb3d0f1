/// A person who works for a tenant. So far it is only a name for ids: there are no users yet.
#[derive(Clone, Copy, Debug)]
pub enum User {}
