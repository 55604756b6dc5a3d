//! `DataSet`: ready-made records with schemas. The fields are those that streaming tutorials use, so that their queries run on them.

use std::sync::Arc;

use milena_api::data::{Field, Schema, SchemaBuilder, Str, Struct, Value};
use milena_api::{Error, Result};

use crate::random::Random;

/// Names that `quickstart` may have.
pub const NAMES: [&str; 5] = ["inventory", "orders", "pageviews", "stock_trades", "users"];

/// Milliseconds since the epoch of the first record's time: fixed, so that runs can be compared.
const BEGINNING: i64 = 1_700_000_000_000;

const CITIES: [(&str, &str); 8] = [
    ("Amsterdam", "NH"),
    ("Berlin", "BE"),
    ("Chicago", "IL"),
    ("Denver", "CO"),
    ("Lisbon", "LX"),
    ("Prague", "PR"),
    ("Seattle", "WA"),
    ("Vienna", "W"),
];
const GENDERS: [&str; 3] = ["FEMALE", "MALE", "OTHER"];
const SIDES: [&str; 2] = ["BUY", "SELL"];
const SYMBOLS: [&str; 6] = ["ZBZX", "ZJZZT", "ZTEST", "ZVV", "ZVZZT", "ZXZZT"];
const ACCOUNTS: [&str; 4] = ["ABC123", "LMN456", "XYZ789", "KTM033"];

/// Makes the records of one data set.
#[derive(Debug)]
pub struct DataSet {
    schema: Schema,
    /// Schema of the nested address of an order.
    address: Option<Schema>,
    key: Field,
    fields: Fields,
    seed: u64,
    stream: u64,
}

type Fields = fn(&DataSet, i64, &mut Random) -> Vec<Value>;

/// A key and a value.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// One field of the value.
    pub key: Value,
    /// A struct of the data set's schema.
    pub value: Value,
}

impl DataSet {
    /// The data set `name`; records have the field `key` (or one that suits the data) as their key.
    ///
    /// # Errors
    /// No such data set or field.
    pub fn new(name: &str, key: Option<&str>, seed: u64, stream: u64) -> Result<Self> {
        let (schema, address, default_key, fields) = parts(name)?;
        let key = key.unwrap_or(default_key);
        let Some(field) = schema.field(key)? else {
            let names: Vec<&str> = schema.fields()?.map(|field| field.name.as_str()).collect();
            return Err(Error::config(format!(
                "Invalid value {key} for configuration key.field: the data set {name} has the fields {}",
                names.join(", ")
            )));
        };
        let key = field.clone();
        Ok(DataSet { schema, address, key, fields, seed, stream })
    }

    /// Schema of the values.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Schema of the keys.
    pub fn key_schema(&self) -> &Schema {
        &self.key.schema
    }

    /// The record at `position`, the same at every call.
    pub fn entry(&self, position: i64) -> Entry {
        let mut random = Random::of(self.seed, self.stream, position.unsigned_abs());
        let value = Struct::from_values(self.schema.clone(), (self.fields)(self, position, &mut random));
        Entry { key: value.raw(self.key.index).clone(), value: Value::Struct(Arc::new(value)) }
    }
}

fn parts(name: &str) -> Result<(Schema, Option<Schema>, &'static str, Fields)> {
    let named = |name: &str| SchemaBuilder::structure().name(format!("milena.generator.{name}"));
    Ok(match name {
        "inventory" => {
            let schema = named("Inventory")
                .field("id", Schema::int64())
                .field("quantity", Schema::int64())
                .field("productid", Schema::int64())
                .build()?;
            (schema, None, "id", inventory)
        }
        "orders" => {
            let address = named("Address")
                .field("city", Schema::string())
                .field("state", Schema::string())
                .field("zipcode", Schema::int64())
                .build()?;
            let schema = named("Order")
                .field("ordertime", Schema::int64())
                .field("orderid", Schema::int32())
                .field("itemid", Schema::string())
                .field("orderunits", Schema::float64())
                .field("address", address.clone())
                .build()?;
            (schema, Some(address), "orderid", order)
        }
        "pageviews" => {
            let schema = named("PageView")
                .field("viewtime", Schema::int64())
                .field("userid", Schema::string())
                .field("pageid", Schema::string())
                .build()?;
            (schema, None, "userid", page_view)
        }
        "stock_trades" => {
            let schema = named("StockTrade")
                .field("side", Schema::string())
                .field("quantity", Schema::int32())
                .field("symbol", Schema::string())
                .field("price", Schema::int32())
                .field("account", Schema::string())
                .field("userid", Schema::string())
                .build()?;
            (schema, None, "symbol", stock_trade)
        }
        "users" => {
            let schema = named("User")
                .field("registertime", Schema::int64())
                .field("userid", Schema::string())
                .field("regionid", Schema::string())
                .field("gender", Schema::string())
                .build()?;
            (schema, None, "userid", user)
        }
        other => {
            return Err(Error::config(format!(
                "Invalid value {other} for configuration quickstart: String must be one of: {}",
                NAMES.join(", ")
            )));
        }
    })
}

fn inventory(_: &DataSet, position: i64, random: &mut Random) -> Vec<Value> {
    vec![position.into(), random.between(0, 500).into(), random.between(1, 100).into()]
}

fn order(set: &DataSet, position: i64, random: &mut Random) -> Vec<Value> {
    let (city, state) = CITIES[random.between(0, CITIES.len() as i64 - 1) as usize];
    let zipcode = random.between(10_000, 99_999);
    let address = set.address.clone().map(|schema| {
        let values = vec![Str::from_static(city).into(), Str::from_static(state).into(), zipcode.into()];
        Value::structure(Struct::from_values(schema, values))
    });
    vec![
        (BEGINNING + position * 1000 + random.between(0, 999)).into(),
        // INT32 in the tutorials; a generator that runs for ever starts again at 0.
        ((position & i64::from(i32::MAX)) as i32).into(),
        format!("Item_{}", random.between(1, 999)).into(),
        random.amount(1, 10).into(),
        address.into(),
    ]
}

fn page_view(_: &DataSet, position: i64, random: &mut Random) -> Vec<Value> {
    vec![
        (BEGINNING + position * 10 + random.between(0, 9)).into(),
        format!("User_{}", random.between(1, 9)).into(),
        format!("Page_{}", random.between(10, 99)).into(),
    ]
}

fn stock_trade(_: &DataSet, _: i64, random: &mut Random) -> Vec<Value> {
    vec![
        Str::from(random.pick(&SIDES)).into(),
        (random.between(1, 5000) as i32).into(),
        Str::from(random.pick(&SYMBOLS)).into(),
        (random.between(5, 1000) as i32).into(),
        Str::from(random.pick(&ACCOUNTS)).into(),
        format!("User_{}", random.between(1, 9)).into(),
    ]
}

fn user(_: &DataSet, position: i64, random: &mut Random) -> Vec<Value> {
    vec![
        (BEGINNING + position * 1000 + random.between(0, 999)).into(),
        format!("User_{}", random.between(1, 9)).into(),
        format!("Region_{}", random.between(1, 9)).into(),
        Str::from(random.pick(&GENDERS)).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_set_makes_valid_structs_that_are_the_same_each_time() {
        for name in NAMES {
            let set = DataSet::new(name, None, 7, 0).unwrap();
            for position in 0..200 {
                let entry = set.entry(position);
                let Value::Struct(value) = &entry.value else { panic!("{name}: not a struct") };
                value.validate().unwrap();
                assert_eq!(entry, set.entry(position), "{name}");
            }
            assert_ne!(set.entry(1), set.entry(2), "{name}");
        }
    }

    #[test]
    fn the_key_is_the_field_that_was_asked_for() {
        let set = DataSet::new("orders", Some("itemid"), 7, 0).unwrap();
        assert_eq!(set.key_schema(), &Schema::string());
        assert!(set.entry(0).key.as_str().unwrap().starts_with("Item_"));
    }

    #[test]
    fn a_wrong_field_or_data_set_is_refused_with_those_there_are() {
        let error = DataSet::new("users", Some("name"), 7, 0).unwrap_err();
        assert!(error.to_string().ends_with("registertime, userid, regionid, gender"), "{error}");
        assert!(DataSet::new("nothing", None, 7, 0).unwrap_err().to_string().contains("orders, pageviews"));
    }
}
