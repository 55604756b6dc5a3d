//! From the struct to the implementation of `FromConfig`.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, Result};

use crate::field::Field;
use crate::literal;

/// The implementation, or every mistake at its place.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields(input)?;
    let definitions = definitions(&fields);
    let values = fields.iter().map(|Field { ident, ty, name, options, .. }| {
        if options.flatten {
            quote! { #ident: <#ty as ::milena_api::config::FromConfig>::from_parsed(config)? }
        } else {
            quote! { #ident: config.get::<#ty>(#name)? }
        }
    });
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::milena_api::config::FromConfig for #ident {
            fn config_def() -> ::std::result::Result<::milena_api::config::ConfigDef, ::milena_api::config::ConfigError> {
                let def = ::milena_api::config::ConfigDef::new();
                #(#definitions)*
                ::std::result::Result::Ok(def)
            }

            fn from_parsed(
                config: &::milena_api::config::ParsedConfig,
            ) -> ::std::result::Result<Self, ::milena_api::config::ConfigError> {
                ::std::result::Result::Ok(Self { #(#values),* })
            }
        }
    })
}

fn fields(input: &DeriveInput) -> Result<Vec<Field>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "a configuration is a struct"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.ident.span(), "a configuration has no type parameters and lifetimes"));
    }
    let named = match &data.fields {
        Fields::Named(named) => named.named.iter().collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => return Err(Error::new(input.ident.span(), "the fields of a configuration have names")),
    };
    let mut errors = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for field in named {
        match Field::read(field) {
            Ok(field) => {
                if fields.iter().any(|other| !other.options.flatten && other.name.value() == field.name.value()) {
                    let text = format!("key `{}` is defined twice", field.name.value());
                    errors.push(Error::new(field.name.span(), text));
                }
                fields.push(field);
            }
            Err(error) => errors.push(error),
        }
    }
    errors.extend(undefined_dependents(&fields, errors.is_empty()));
    match errors.into_iter().reduce(|mut all, one| {
        all.combine(one);
        all
    }) {
        Some(all) => Err(all),
        None => Ok(fields),
    }
}

/// Dependents that are no keys. With a flattened struct, or fields that could not be read, the keys are not all known.
fn undefined_dependents(fields: &[Field], complete: bool) -> Vec<Error> {
    if !complete || fields.iter().any(|field| field.options.flatten) {
        return Vec::new();
    }
    let defined = |name: &str| fields.iter().any(|field| field.name.value() == name);
    let dependents = fields.iter().flat_map(|field| &field.options.dependents);
    dependents
        .filter(|name| !defined(&name.value()))
        .map(|name| Error::new(name.span(), format!("there is no key `{}`", name.value())))
        .collect()
}

/// One statement a field, each of which adds its key or keys to `def`.
fn definitions(fields: &[Field]) -> Vec<TokenStream> {
    let mut counts: HashMap<String, i32> = HashMap::new();
    fields
        .iter()
        .map(|field| {
            if field.options.flatten {
                let ty = &field.ty;
                return quote! {
                    let def = def.define_all(&<#ty as ::milena_api::config::FromConfig>::config_def()?)?;
                };
            }
            let key = key(field, &mut counts);
            quote! { let def = def.define(#key)?; }
        })
        .collect()
}

fn key(field: &Field, counts: &mut HashMap<String, i32>) -> TokenStream {
    let Field { ty, name, documentation, options, .. } = field;
    let default = match &options.default {
        Some(default) => {
            let text = literal::default_text(default);
            quote! { ::std::option::Option::Some(#text) }
        }
        None => quote! { ::std::option::Option::None },
    };
    let key_type = match (&options.ty, options.class) {
        (Some(ty), _) => variant("Type", ty),
        (None, true) => quote! { ::milena_api::config::Type::Class },
        (None, false) => quote! { <#ty as ::milena_api::config::FromParsed>::TYPE },
    };
    let validators = validators(field);
    let importance = options.importance.as_ref().map(|word| {
        let importance = variant("Importance", word);
        quote! { .importance(#importance) }
    });
    let width = options.width.as_ref().map(|word| {
        let width = variant("Width", word);
        quote! { .width(#width) }
    });
    let group = options.group.as_ref().map(|group| {
        let count = counts.entry(group.value()).or_default();
        *count += 1;
        let order = match &options.order {
            Some(order) => quote! { #order },
            None => quote! { #count },
        };
        quote! { .group(#group, #order) }
    });
    let display = options.display.as_ref().map(|display| quote! { .display_name(#display) });
    let recommend = options.recommend.as_ref().map(|recommender| quote! { .recommender(#recommender) });
    let dependents = (!options.dependents.is_empty()).then(|| {
        let names = &options.dependents;
        quote! { .dependents([#(#names),*]) }
    });
    quote! {
        ::milena_api::config::field_key::<#ty>(#name, #key_type, #default, ::std::vec![#(#validators),*])
            .doc(#documentation)
            #importance #group #width #display #dependents #recommend
    }
}

fn validators(field: &Field) -> Vec<TokenStream> {
    let range = field.options.range.as_ref().map(|range| {
        let start = range.start.as_deref().map(literal::bound);
        let end = range.end.as_deref().map(literal::bound);
        match (start, end) {
            (Some(start), Some(end)) => quote! { ::milena_api::config::Validator::between(#start, #end) },
            (Some(start), None) => quote! { ::milena_api::config::Validator::at_least(#start) },
            (None, end) => quote! { ::milena_api::config::Validator::at_most(#end) },
        }
    });
    let own = field.options.validate.iter().map(|check| quote! { ::milena_api::config::Validator::from(#check) });
    range.into_iter().chain(own).collect()
}

/// `high` → `::milena_api::config::Importance::High`.
fn variant(of: &str, word: &Ident) -> TokenStream {
    let of = format_ident!("{of}");
    let text = word.to_string();
    let capital: String = text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect();
    let variant = Ident::new(&capital, word.span());
    quote! { ::milena_api::config::#of::#variant }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    /// The messages of all mistakes in a struct.
    fn mistakes(input: DeriveInput) -> Vec<String> {
        match expand(&input) {
            Ok(_) => Vec::new(),
            Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    #[test]
    fn a_struct_without_mistakes_is_taken() {
        let none: Vec<String> = Vec::new();
        assert_eq!(
            mistakes(parse_quote! {
                struct Config {
                    /// Text.
                    #[config(name = "a", importance = high, group = "G", order = 2, width = long, display = "A", dependents = ["b.c"])]
                    a: String,
                    /// Number.
                    #[config(range = 1..=10, default = -1, type = int)]
                    b_c: u64,
                    #[config(flatten)]
                    more: More,
                }
            }),
            none
        );
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        assert_eq!(
            mistakes(parse_quote! {
                struct Config {
                    a: String,
                    /// B.
                    #[config(importance = urgent)]
                    b: String,
                    /// C.
                    #[config(nmae = "c")]
                    c: String,
                    /// D.
                    #[config(range = 1..10)]
                    d: i32,
                    /// E.
                    #[config(range = 1..)]
                    e: Option<String>,
                    /// F.
                    #[config(default = "1")]
                    f: i32,
                    /// G.
                    #[config(class)]
                    g: i32,
                    /// H.
                    #[config(default = 1, default = 2)]
                    h: i32,
                    /// I.
                    #[config(name = "a b")]
                    i: i32,
                }
            })
            .len(),
            9
        );
    }

    #[test]
    fn a_key_that_is_there_twice_is_a_mistake() {
        let found = mistakes(parse_quote! {
            struct Config {
                /// A.
                #[config(name = "x.y")]
                a: String,
                /// B.
                x_y: String,
            }
        });
        assert_eq!(found, ["key `x.y` is defined twice"]);
    }

    #[test]
    fn a_dependent_that_is_no_key_is_a_mistake() {
        let found = mistakes(parse_quote! {
            struct Config {
                /// A.
                #[config(dependents = ["b"])]
                a: String,
            }
        });
        assert_eq!(found, ["there is no key `b`"]);
    }

    #[test]
    fn only_structs_with_named_fields_are_configurations() {
        assert_eq!(mistakes(parse_quote! { enum Config { A } }), ["a configuration is a struct"]);
        assert_eq!(mistakes(parse_quote! { struct Config(String); }), ["the fields of a configuration have names"]);
        assert_eq!(
            mistakes(parse_quote! { struct Config<T> { a: T } }),
            ["a configuration has no type parameters and lifetimes"]
        );
    }
}
