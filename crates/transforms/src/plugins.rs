//! The list of what this crate announces.

use milena_api::plugin::Plugin;
use milena_api::transform::Transformation;

use crate::confluent::{
    Drop, ExtractTopic, ExtractTopicFromHeader, GzipDecompress, MessageTimestampRouter, TombstoneHandler,
    TopicRegexRouter,
};
use crate::debezium::{ByLogicalTableRouter, EventRouter, ExtractNewRecordState};
use crate::predicates::{HasHeaderKey, RecordIsTombstone, TopicNameMatches};
use crate::side::{KeySide, ValueSide};
use crate::{
    Cast, DropHeaders, ExtractField, Filter, Flatten, HeaderFrom, HoistField, InsertField, InsertHeader, MaskField,
    RegexRouter, ReplaceField, SetSchemaMetadata, TimestampConverter, TimestampRouter, ValueToKey, confluent,
};

const KAFKA: &str = "org.apache.kafka.connect.transforms";
const CONFLUENT: &str = "io.confluent.connect.transforms";
const DEBEZIUM: &str = "io.debezium.transforms";
/// The version of Debezium that its transformations are like.
const DEBEZIUM_VERSION: &str = "3.3.1.Final";

/// Every transformation and predicate, under its Java class name.
pub fn plugins() -> Vec<Plugin> {
    let mut all = Vec::new();
    one::<TopicRegexRouter>(&mut all, "io.confluent.connect.cloud.transforms", "TopicRegexRouter");
    both::<Drop<KeySide>, Drop<ValueSide>>(&mut all, CONFLUENT, "Drop");
    one::<ExtractTopicFromHeader>(&mut all, CONFLUENT, "ExtractTopic$Header");
    both::<ExtractTopic<KeySide>, ExtractTopic<ValueSide>>(&mut all, CONFLUENT, "ExtractTopic");
    both::<confluent::Filter<KeySide>, confluent::Filter<ValueSide>>(&mut all, CONFLUENT, "Filter");
    both::<GzipDecompress<KeySide>, GzipDecompress<ValueSide>>(&mut all, CONFLUENT, "GzipDecompress");
    one::<MessageTimestampRouter>(&mut all, CONFLUENT, "MessageTimestampRouter");
    one::<TombstoneHandler>(&mut all, CONFLUENT, "TombstoneHandler");
    debezium::<ByLogicalTableRouter>(&mut all, "ByLogicalTableRouter");
    debezium::<ExtractNewRecordState>(&mut all, "ExtractNewRecordState");
    debezium::<EventRouter>(&mut all, "outbox.EventRouter");
    both::<Cast<KeySide>, Cast<ValueSide>>(&mut all, KAFKA, "Cast");
    one::<DropHeaders>(&mut all, KAFKA, "DropHeaders");
    both::<ExtractField<KeySide>, ExtractField<ValueSide>>(&mut all, KAFKA, "ExtractField");
    one::<Filter>(&mut all, KAFKA, "Filter");
    both::<Flatten<KeySide>, Flatten<ValueSide>>(&mut all, KAFKA, "Flatten");
    both::<HeaderFrom<KeySide>, HeaderFrom<ValueSide>>(&mut all, KAFKA, "HeaderFrom");
    both::<HoistField<KeySide>, HoistField<ValueSide>>(&mut all, KAFKA, "HoistField");
    both::<InsertField<KeySide>, InsertField<ValueSide>>(&mut all, KAFKA, "InsertField");
    one::<InsertHeader>(&mut all, KAFKA, "InsertHeader");
    both::<MaskField<KeySide>, MaskField<ValueSide>>(&mut all, KAFKA, "MaskField");
    one::<RegexRouter>(&mut all, KAFKA, "RegexRouter");
    both::<ReplaceField<KeySide>, ReplaceField<ValueSide>>(&mut all, KAFKA, "ReplaceField");
    both::<SetSchemaMetadata<KeySide>, SetSchemaMetadata<ValueSide>>(&mut all, KAFKA, "SetSchemaMetadata");
    both::<TimestampConverter<KeySide>, TimestampConverter<ValueSide>>(&mut all, KAFKA, "TimestampConverter");
    one::<TimestampRouter>(&mut all, KAFKA, "TimestampRouter");
    one::<ValueToKey>(&mut all, KAFKA, "ValueToKey");
    all.push(Plugin::predicate::<HasHeaderKey>(format!("{KAFKA}.predicates.HasHeaderKey")));
    all.push(Plugin::predicate::<RecordIsTombstone>(format!("{KAFKA}.predicates.RecordIsTombstone")));
    all.push(Plugin::predicate::<TopicNameMatches>(format!("{KAFKA}.predicates.TopicNameMatches")));
    all
}

fn one<T: Transformation + Default + 'static>(all: &mut Vec<Plugin>, package: &str, name: &str) {
    all.push(Plugin::transformation::<T>(format!("{package}.{name}")));
}

fn debezium<T: Transformation + Default + 'static>(all: &mut Vec<Plugin>, name: &str) {
    let plugin = Plugin::transformation::<T>(format!("{DEBEZIUM}.{name}"));
    all.push(Plugin { version: DEBEZIUM_VERSION.to_owned(), ..plugin });
}

fn both<K, V>(all: &mut Vec<Plugin>, package: &str, name: &str)
where
    K: Transformation + Default + 'static,
    V: Transformation + Default + 'static,
{
    one::<K>(all, package, &format!("{name}$Key"));
    one::<V>(all, package, &format!("{name}$Value"));
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
