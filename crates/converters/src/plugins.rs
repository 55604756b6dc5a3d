//! The list of what this crate announces.

use milena_api::converter::{Converter, HeaderConverter};
use milena_api::plugin::Plugin;

use crate::{
    BooleanConverter, ByteArrayConverter, DoubleConverter, FloatConverter, IntegerConverter, JsonConverter,
    LongConverter, ShortConverter, SimpleHeaderConverter, StringConverter,
};

/// Every converter in each of its roles, under its Java class name.
pub fn plugins() -> Vec<Plugin> {
    let mut all = Vec::new();
    both::<BooleanConverter>(&mut all, "org.apache.kafka.connect.converters.BooleanConverter");
    both::<ByteArrayConverter>(&mut all, "org.apache.kafka.connect.converters.ByteArrayConverter");
    both::<DoubleConverter>(&mut all, "org.apache.kafka.connect.converters.DoubleConverter");
    both::<FloatConverter>(&mut all, "org.apache.kafka.connect.converters.FloatConverter");
    both::<IntegerConverter>(&mut all, "org.apache.kafka.connect.converters.IntegerConverter");
    both::<LongConverter>(&mut all, "org.apache.kafka.connect.converters.LongConverter");
    both::<ShortConverter>(&mut all, "org.apache.kafka.connect.converters.ShortConverter");
    both::<JsonConverter>(&mut all, "org.apache.kafka.connect.json.JsonConverter");
    all.push(Plugin::header_converter::<SimpleHeaderConverter>(
        "org.apache.kafka.connect.storage.SimpleHeaderConverter",
    ));
    both::<StringConverter>(&mut all, "org.apache.kafka.connect.storage.StringConverter");
    all
}

fn both<C: Converter + HeaderConverter + Default + 'static>(all: &mut Vec<Plugin>, class: &str) {
    all.push(Plugin::converter::<C>(class));
    all.push(Plugin::header_converter::<C>(class));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_has_every_class_in_its_roles() {
        let all = plugins();
        assert_eq!(all.len(), 19);
        assert!(all.is_sorted_by_key(|plugin| plugin.class.clone()));
    }
}
