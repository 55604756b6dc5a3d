//! The list of what this crate announces.

use milena_api::plugin::Plugin;
use milena_api::transform::Transformation;

use crate::debezium::{ByLogicalTableRouter, EventRouter, ExtractNewRecordState};
use crate::predicates::{HasHeaderKey, RecordIsTombstone, TopicNameMatches};
use crate::side::{KeySide, ValueSide};
use crate::{
    Cast, DropHeaders, ExtractField, Filter, Flatten, HeaderFrom, HoistField, InsertField, InsertHeader, MaskField,
    RegexRouter, ReplaceField, SetSchemaMetadata, TimestampConverter, TimestampRouter, ValueToKey,
};

const DEBEZIUM: &str = "io.debezium.transforms";
/// The version of Debezium that its transformations are like.
const DEBEZIUM_VERSION: &str = "3.3.1.Final";
const PACKAGE: &str = "org.apache.kafka.connect.transforms";

/// Every transformation and predicate, under its Java class name.
pub fn plugins() -> Vec<Plugin> {
    let mut all = Vec::new();
    debezium::<ByLogicalTableRouter>(&mut all, "ByLogicalTableRouter");
    debezium::<ExtractNewRecordState>(&mut all, "ExtractNewRecordState");
    debezium::<EventRouter>(&mut all, "outbox.EventRouter");
    both::<Cast<KeySide>, Cast<ValueSide>>(&mut all, "Cast");
    one::<DropHeaders>(&mut all, "DropHeaders");
    both::<ExtractField<KeySide>, ExtractField<ValueSide>>(&mut all, "ExtractField");
    one::<Filter>(&mut all, "Filter");
    both::<Flatten<KeySide>, Flatten<ValueSide>>(&mut all, "Flatten");
    both::<HeaderFrom<KeySide>, HeaderFrom<ValueSide>>(&mut all, "HeaderFrom");
    both::<HoistField<KeySide>, HoistField<ValueSide>>(&mut all, "HoistField");
    both::<InsertField<KeySide>, InsertField<ValueSide>>(&mut all, "InsertField");
    one::<InsertHeader>(&mut all, "InsertHeader");
    both::<MaskField<KeySide>, MaskField<ValueSide>>(&mut all, "MaskField");
    one::<RegexRouter>(&mut all, "RegexRouter");
    both::<ReplaceField<KeySide>, ReplaceField<ValueSide>>(&mut all, "ReplaceField");
    both::<SetSchemaMetadata<KeySide>, SetSchemaMetadata<ValueSide>>(&mut all, "SetSchemaMetadata");
    both::<TimestampConverter<KeySide>, TimestampConverter<ValueSide>>(&mut all, "TimestampConverter");
    one::<TimestampRouter>(&mut all, "TimestampRouter");
    one::<ValueToKey>(&mut all, "ValueToKey");
    all.push(Plugin::predicate::<HasHeaderKey>(format!("{PACKAGE}.predicates.HasHeaderKey")));
    all.push(Plugin::predicate::<RecordIsTombstone>(format!("{PACKAGE}.predicates.RecordIsTombstone")));
    all.push(Plugin::predicate::<TopicNameMatches>(format!("{PACKAGE}.predicates.TopicNameMatches")));
    all
}

fn one<T: Transformation + Default + 'static>(all: &mut Vec<Plugin>, name: &str) {
    all.push(Plugin::transformation::<T>(format!("{PACKAGE}.{name}")));
}

fn debezium<T: Transformation + Default + 'static>(all: &mut Vec<Plugin>, name: &str) {
    let plugin = Plugin::transformation::<T>(format!("{DEBEZIUM}.{name}"));
    all.push(Plugin { version: DEBEZIUM_VERSION.to_owned(), ..plugin });
}

fn both<K, V>(all: &mut Vec<Plugin>, name: &str)
where
    K: Transformation + Default + 'static,
    V: Transformation + Default + 'static,
{
    one::<K>(all, &format!("{name}$Key"));
    one::<V>(all, &format!("{name}$Value"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_definition_can_be_made() {
        let all = plugins();
        assert!(all.is_sorted_by_key(|plugin| plugin.class.clone()));
        for plugin in &all {
            match &plugin.factory {
                milena_api::plugin::Factory::Transformation(make) => assert!(make().unwrap().config().is_ok()),
                milena_api::plugin::Factory::Predicate(make) => assert!(make().unwrap().config().is_ok()),
                _ => panic!("{} is of another kind", plugin.class),
            }
        }
    }
}
