//! `ConfigKey`: definition of one key. Counterpart: `ConfigDef.ConfigKey`.

use std::sync::Arc;

use super::error::ConfigError;
use super::parse::parse_type;
use super::recommender::Recommender;
use super::types::{Importance, Type, Width};
use super::validator::Validator;
use super::value::Parsed;

/// Definition of one key: a name, a type, and what helps people and forms. Without a default the key is required.
#[derive(Clone)]
pub struct ConfigKey {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) default: DefaultValue,
    pub(super) importance: Importance,
    pub(super) documentation: String,
    pub(super) group: Option<String>,
    pub(super) order_in_group: i32,
    pub(super) width: Width,
    pub(super) display_name: String,
    pub(super) dependents: Vec<String>,
    pub(super) validator: Option<Validator>,
    pub(super) recommender: Option<Arc<dyn Recommender>>,
}

/// The value of a key that is not set.
#[derive(Clone)]
pub(super) enum DefaultValue {
    /// None: the key is required.
    Required,
    /// This one, parsed.
    Value(Parsed),
    /// A text that the type refuses; reported when the key is added to a definition.
    Unparsable(ConfigError),
}

impl ConfigKey {
    /// A required key of medium importance, without group, validator and documentation.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        let name = name.into();
        ConfigKey {
            display_name: name.clone(),
            name,
            ty,
            default: DefaultValue::Required,
            importance: Importance::default(),
            documentation: String::new(),
            group: None,
            order_in_group: -1,
            width: Width::default(),
            dependents: Vec::new(),
            validator: None,
            recommender: None,
        }
    }

    /// The value when the key is not set, as text or as anything whose text the type reads: `.default(1)`, `.default("a,b")`.
    #[must_use]
    pub fn default(mut self, value: impl ToString) -> Self {
        self.default = match parse_type(&self.name, Some(&value.to_string()), self.ty, None) {
            Ok(value) => DefaultValue::Value(value),
            Err(error) => DefaultValue::Unparsable(error),
        };
        self
    }

    /// Null when the key is not set.
    #[must_use]
    pub fn default_null(self) -> Self {
        self.default_value(Parsed::Null)
    }

    /// The value when the key is not set, already parsed.
    #[must_use]
    pub fn default_value(mut self, value: Parsed) -> Self {
        self.default = DefaultValue::Value(value);
        self
    }

    /// How much it matters.
    #[must_use]
    pub fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// What it does, for people.
    #[must_use]
    pub fn doc(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = documentation.into();
        self
    }

    /// The group it is listed in, and its place there.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>, order_in_group: i32) -> Self {
        self.group = Some(group.into());
        self.order_in_group = order_in_group;
        self
    }

    /// Its place among the keys without a group.
    #[must_use]
    pub fn order(mut self, order_in_group: i32) -> Self {
        self.order_in_group = order_in_group;
        self
    }

    /// How wide a form should make it.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Its name in a form; the key's own name unless set.
    #[must_use]
    pub fn display_name(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = display_name.into();
        self
    }

    /// Keys that are checked after this one, because their meaning depends on it.
    #[must_use]
    pub fn dependents<S: Into<String>>(mut self, dependents: impl IntoIterator<Item = S>) -> Self {
        self.dependents = dependents.into_iter().map(Into::into).collect();
        self
    }

    /// What its value must be. Also asked about null, and about the default when the key is added to a definition.
    #[must_use]
    pub fn validator(mut self, validator: impl Into<Validator>) -> Self {
        self.validator = Some(validator.into());
        self
    }

    /// What offers values for it and says whether a form shows it.
    #[must_use]
    pub fn recommender(mut self, recommender: impl Recommender + 'static) -> Self {
        self.recommender = Some(Arc::new(recommender));
        self
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Type.
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// True if it has no default.
    pub fn is_required(&self) -> bool {
        !matches!(self.default, DefaultValue::Value(_))
    }

    /// The default; `None` for a required key.
    pub fn default_parsed(&self) -> Option<&Parsed> {
        match &self.default {
            DefaultValue::Value(value) => Some(value),
            DefaultValue::Required | DefaultValue::Unparsable(_) => None,
        }
    }

    /// Group, if any.
    pub fn group_name(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// Validator, if any.
    pub fn validator_of(&self) -> Option<&Validator> {
        self.validator.as_ref()
    }

    /// The definition as texts.
    pub fn info(&self) -> ConfigKeyInfo {
        ConfigKeyInfo {
            name: self.name.clone(),
            ty: self.ty.name(),
            required: self.is_required(),
            default_value: self.default_parsed().and_then(|value| value.text().map(|text| text.into_owned())),
            importance: self.importance.name(),
            documentation: self.documentation.clone(),
            group: self.group.clone(),
            order_in_group: self.order_in_group,
            width: self.width.name(),
            display_name: self.display_name.clone(),
            dependents: self.dependents.clone(),
        }
    }
}

impl std::fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.ty, self.name)
    }
}

/// Definition of one key as REST shows it; the fields are in the order of the JSON. Counterpart: `ConfigKeyInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigKeyInfo {
    /// Name.
    pub name: String,
    /// Type, in upper case.
    pub ty: &'static str,
    /// True if it has no default.
    pub required: bool,
    /// Text of the default; `None` without one and for null.
    pub default_value: Option<String>,
    /// `HIGH`, `MEDIUM`, `LOW`.
    pub importance: &'static str,
    /// What it does.
    pub documentation: String,
    /// Group, if any.
    pub group: Option<String>,
    /// Place in the group; -1 without one.
    pub order_in_group: i32,
    /// `NONE`, `SHORT`, `MEDIUM`, `LONG`.
    pub width: &'static str,
    /// Name in a form.
    pub display_name: String,
    /// Keys that depend on it.
    pub dependents: Vec<String>,
}
