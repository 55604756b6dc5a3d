//! What each provider finds and refuses.

use std::fs;

use super::env_var::EnvVarConfigProvider;
use super::*;

fn params(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_provider_goes_by_its_class_or_alias() {
    for class in ["File", "FileConfigProvider", "org.apache.kafka.common.config.provider.FileConfigProvider", "EnvVar"]
    {
        assert!(new_provider("p", class, &ConfigMap::new()).is_ok(), "{class}");
    }
    for class in ["file", "org.apache.kafka.common.config.provider.File", "Fil"] {
        let Err(error) = new_provider("p", class, &ConfigMap::new()) else { panic!("{class} is no provider") };
        let text = error.to_string();
        assert!(
            text.starts_with(&format!(
                "Invalid value {class} for configuration config.providers.p.class: Could not load config provider class or \
                 one of its dependencies. Did you mean"
            )),
            "{text}"
        );
    }
}

#[test]
fn the_file_provider_reads_properties_below_allowed_paths_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.properties");
    fs::write(&file, "user=ä\nother=x\n").unwrap();
    let open = new_provider("p", "File", &ConfigMap::new()).unwrap();
    let found = open.get(file.to_str().unwrap(), &["user", "gone"]).unwrap();
    assert_eq!(found.values, params(&[("user", "ä")]));
    assert!(open.get("", &["user"]).unwrap().values.is_empty());
    assert_eq!(
        open.get("/no/such/file", &["user"]).unwrap_err().to_string(),
        "Could not read properties from file /no/such/file"
    );

    let other = tempfile::tempdir().unwrap();
    let closed = new_provider("p", "File", &params(&[("allowed.paths", other.path().to_str().unwrap())])).unwrap();
    assert!(closed.get(file.to_str().unwrap(), &["user"]).unwrap().values.is_empty());
    let around = format!("{}/../{}/s.properties", other.path().display(), dir.path().file_name().unwrap().display());
    assert!(closed.get(&around, &["user"]).unwrap().values.is_empty());
    for (paths, message) in [("a", "Path a is not absolute"), ("/no/such/dir", "Path /no/such/dir does not exist")] {
        let Err(error) = new_provider("p", "File", &params(&[("allowed.paths", paths)])) else { panic!("{paths}") };
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_directory_provider_reads_files_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("password"), "secret\n").unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let provider = new_provider("p", "Directory", &ConfigMap::new()).unwrap();
    let found = provider.get(dir.path().to_str().unwrap(), &["password", "sub", "gone"]).unwrap();
    assert_eq!(found.values, params(&[("password", "secret\n")]));
    let file = dir.path().join("password");
    assert!(provider.get(file.to_str().unwrap(), &["password"]).unwrap().values.is_empty());
}

#[test]
fn the_environment_is_read_once_and_only_where_allowed() {
    let env = || params(&[("APP_A", "1"), ("B", "2"), ("XAPP_", "3")]).into_iter();
    let provider = EnvVarConfigProvider::of(&params(&[("allowlist.pattern", "APP_.*")]), env()).unwrap();
    assert_eq!(provider.get("", &["APP_A", "B", "XAPP_"]).unwrap().values, params(&[("APP_A", "1")]));
    assert_eq!(
        provider.get("/x", &["APP_A"]).unwrap_err().to_string(),
        "Path is not supported for EnvVarConfigProvider, invalid value '/x'"
    );
    assert!(EnvVarConfigProvider::of(&params(&[("allowlist.pattern", "(")]), env()).is_err());
}
