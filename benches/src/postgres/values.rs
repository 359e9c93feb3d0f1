use std::error::Error;

use tokio_postgres::{
    Row,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};
use uuid::Uuid;

use crate::contact::{Columns, Value};

impl ToSql for Value<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql(of, out),
            Self::Folded(text) => text.to_sql(of, out),
            Self::Id(id) => id.to_sql(of, out),
            Self::Score(score) => score.map(i16::from).to_sql(of, out),
            Self::Micros(micros) => micros.to_sql(of, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        [Type::TEXT, Type::UUID, Type::INT2, Type::INT8].contains(of)
    }

    to_sql_checked!();
}

impl Columns for Row {
    fn text(&self, column: usize) -> Option<&str> {
        self.get(column)
    }

    fn id(&self, column: usize) -> Option<Uuid> {
        self.get(column)
    }

    fn score(&self, column: usize) -> Option<u8> {
        self.get::<_, Option<i16>>(column).and_then(|score| score.try_into().ok())
    }

    fn micros(&self, column: usize) -> i64 {
        self.get(column)
    }
}
