//! `rule!`: one test per kind of broker from one function.

/// Makes tests of `async fn name(on: Harness)`, one per kind of broker named.
///
/// - `rule!(name: dev, real);` gives `name::dev` and `name::real`;
/// - `rule!(name: dev_secure, secure);` is for rules of TLS and SASL;
/// - `rule!(name: dev, own; fault);` gives `name::fault::dev` …, which the full tier runs twenty times in a row;
/// - `rule!(name: own; long);` gives `name::long::own`, which only the full tier runs.
macro_rules! rule {
    ($name:ident: $($kind:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $kind() {
                    if $crate::support::can_start(stringify!($kind)) {
                        super::$name($crate::support::Harness::$kind().await).await;
                    }
                }
            )+
        }
    };
    ($name:ident: $($kind:ident),+; fault) => {
        mod $name {
            mod fault {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $kind() {
                        for _ in 0..$crate::support::repeats(stringify!($kind)) {
                            super::super::$name($crate::support::Harness::$kind().await).await;
                        }
                    }
                )+
            }
        }
    };
    ($name:ident: $($kind:ident),+; long) => {
        mod $name {
            mod long {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    #[ignore = "long: cargo xtask full"]
                    async fn $kind() {
                        if $crate::support::can_start(stringify!($kind)) {
                            super::super::$name($crate::support::Harness::$kind().await).await;
                        }
                    }
                )+
            }
        }
    };
}
pub(crate) use rule;
