//! Messages of Protocol Buffers, read without knowing their types.

/// A message: numbers of fields with their values, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Message(Vec<(u64, Value)>);

/// A value: a number, or bytes, which are a text, a message or just bytes.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Number(varint(&mut bytes)),
                1 => Value::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)).unwrap();
                    Value::Bytes(take(&mut bytes, length).to_vec())
                }
                5 => Value::Number(u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()).into()),
                other => panic!("there is no wire type {other}"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    /// The first field.
    pub(crate) fn first(&self) -> Option<&(u64, Value)> {
        self.0.first()
    }

    /// The messages of a field.
    pub(crate) fn messages(&self, field: u64) -> Vec<Message> {
        let of_field = self.0.iter().filter(|(number, _)| *number == field);
        let read = |(_, value): &(u64, Value)| match value {
            Value::Bytes(bytes) => Self::read(bytes),
            Value::Number(number) => panic!("{number} is no message"),
        };
        of_field.map(read).collect()
    }

    /// The bytes of a field, of which there are none if it is not there.
    pub(crate) fn bytes(&self, field: u64) -> Vec<u8> {
        let found = self.0.iter().find(|(number, _)| *number == field);
        match found {
            None => Vec::new(),
            Some((_, Value::Bytes(bytes))) => bytes.clone(),
            Some((_, Value::Number(number))) => panic!("{number} is not bytes"),
        }
    }

    pub(crate) fn text(&self, field: u64) -> String {
        String::from_utf8(self.bytes(field)).unwrap()
    }

    /// The number of a field, 0 if it is not there.
    pub(crate) fn number(&self, field: u64) -> u64 {
        match self.0.iter().find(|(number, _)| *number == field) {
            None => 0,
            Some((_, Value::Number(number))) => *number,
            Some((_, Value::Bytes(bytes))) => panic!("{bytes:?} are no number"),
        }
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}
