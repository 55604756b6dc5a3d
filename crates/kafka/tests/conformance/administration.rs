//! Rules of the admin client.

use crate::support::{Harness, rule};

rule!(a_topic_that_was_created_is_listed: dev, real);
async fn a_topic_that_was_created_is_listed(on: Harness) {
    let topic = on.topic(2, &[]).await;
    let admin = on.admin(&[]);
    let described = admin.describe_topic(&topic).await.unwrap();
    assert_eq!(described.partitions.len(), 2, "{described:?}");
}
