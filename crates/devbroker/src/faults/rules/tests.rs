use super::*;
use std::time::Duration;

fn request<'a>(api: Api, client_id: &'a str, touches: &'a dyn Fn() -> Touched) -> Arrived<'a> {
    Arrived::new(api, 1, client_id, 1, touches)
}

fn take(faults: &Faults, api: Api, client_id: &str) -> Option<FaultAction> {
    faults.take(&request(api, client_id, &Vec::new)).map(|taken| taken.action)
}

#[test]
fn a_fault_hits_its_api_and_client_as_often_as_set() {
    let faults = Faults::default();
    faults.add(Fault::on(Api::Fetch, FaultAction::Drop).client("a").times(2));
    faults.next(Api::Fetch, 1, FaultAction::ApplyThenDrop);
    assert_eq!(take(&faults, Api::Produce, "a"), None);
    assert_eq!(take(&faults, Api::Fetch, "b"), Some(FaultAction::ApplyThenDrop));
    assert_eq!(take(&faults, Api::Fetch, "b"), None);
    assert_eq!(take(&faults, Api::Fetch, "a"), Some(FaultAction::Drop));
    assert_eq!(faults.pending(), 1);
    assert_eq!(take(&faults, Api::Fetch, "a"), Some(FaultAction::Drop));
    assert_eq!(take(&faults, Api::Fetch, "a"), None);
    assert_eq!(faults.pending(), 0);
}

#[test]
fn a_fault_can_wait_for_a_partition_and_let_requests_pass() {
    let faults = Faults::default();
    faults.add(Fault::on_any(FaultAction::Error(6)).partition("t", 1).after(1));
    let (other, this) =
        (|| vec![("t".to_owned(), Some(0))], || vec![("t".to_owned(), Some(0)), ("t".to_owned(), Some(1))]);
    let whole = || vec![("t".to_owned(), None)];
    assert!(faults.take(&request(Api::Produce, "", &this)).is_none(), "the first passes");
    assert!(faults.take(&request(Api::Produce, "", &other)).is_none());
    let taken = faults.take(&request(Api::Produce, "", &this)).unwrap();
    assert_eq!(taken.place, Some(("t".to_owned(), Some(1))));
    faults.add(Fault::on_any(FaultAction::Drop).partition("t", 1));
    assert!(faults.take(&request(Api::Metadata, "", &whole)).is_some(), "who names the topic names its partitions");
}

#[test]
fn the_same_seed_and_requests_give_the_same_faults_however_clients_interleave() {
    let run = |seed: u64, order: &[(Api, &'static str)]| {
        let faults = Faults::default();
        faults.follow(FaultPlan::from_seed(seed).chance(0.3));
        let mut of_client = std::collections::BTreeMap::<_, Vec<_>>::new();
        for (api, client) in order {
            of_client.entry((*client, *api)).or_default().push(take(&faults, *api, client));
        }
        (of_client, faults.history().len())
    };
    let produce = std::iter::repeat_n((Api::Produce, "p"), 200);
    let fetch = std::iter::repeat_n((Api::Fetch, "c"), 200);
    let apart: Vec<_> = produce.clone().chain(fetch.clone()).collect();
    let mixed: Vec<_> = produce.zip(fetch).flat_map(|(one, other)| [other, one]).collect();
    let (first, hits) = run(7, &apart);
    assert_eq!((first.clone(), hits), run(7, &mixed));
    assert_ne!(first, run(8, &apart).0);
    assert!((80..160).contains(&hits), "{hits} of 400 at 0.3");
    let kinds: std::collections::HashSet<_> = first.values().flatten().flatten().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 5, "all kinds of the mixture");
}

#[test]
fn a_chance_is_drawn_from_its_seed() {
    let hits = |seed| {
        let faults = Faults::default();
        faults.add(Fault::on(Api::Fetch, FaultAction::Drop).always().chance(0.5, seed));
        (0..64).map(|_| take(&faults, Api::Fetch, "c").is_some()).collect::<Vec<_>>()
    };
    assert_eq!(hits(1), hits(1));
    assert_ne!(hits(1), hits(2));
    assert!((16..48).contains(&hits(3).iter().filter(|hit| **hit).count()));
}

#[tokio::test]
async fn hits_are_events_that_are_given_out_once_and_in_order() {
    let faults = std::sync::Arc::new(Faults::default());
    faults.next(Api::Fetch, 1, FaultAction::Delay(Duration::ZERO));
    faults.next(Api::Produce, 1, FaultAction::Drop);
    let other = std::sync::Arc::clone(&faults);
    let waiting = crate::spawn::spawn(async move { (other.hit().await.api, other.hit().await.api) });
    tokio::task::yield_now().await;
    take(&faults, Api::Fetch, "c");
    take(&faults, Api::Produce, "c");
    assert_eq!(waiting.await.unwrap(), (Api::Fetch, Api::Produce));
    faults.hits(2).await;
    faults.until(|history| history.iter().any(|hit| hit.api == Api::Produce)).await;
    assert!(tokio::time::timeout(Duration::from_millis(10), faults.hit()).await.is_err());
}
