/// Addresses that a host lets webhooks reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Those that anybody reaches on the internet, by https.
    #[default]
    Internet,
    /// Besides them the machine itself, by http and https: for tests, and for receivers beside the server.
    InternetAndLoopback,
}
