pub(crate) fn document() -> &'static [u8] {
    b"{}"
}
