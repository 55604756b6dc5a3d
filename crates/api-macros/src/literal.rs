//! Literals of attributes as tokens that do not depend on type inference.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Lit, UnOp};

/// The text of a default, as an expression of type `String`.
pub(crate) fn default_text(default: &Expr) -> TokenStream {
    match constant_text(default) {
        Some(text) => quote! { ::std::string::String::from(#text) },
        None => quote! { ::std::string::ToString::to_string(&(#default)) },
    }
}

/// The text of a literal or of a list of literals; `None` for anything that only the compiler can evaluate.
fn constant_text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            Lit::Float(number) => Some(number.base10_digits().to_owned()),
            Lit::Bool(value) => Some(value.value.to_string()),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => Some(format!("-{}", constant_text(&unary.expr)?)),
        Expr::Array(list) => {
            let items: Option<Vec<String>> = list.elems.iter().map(constant_text).collect();
            Some(items?.join(","))
        }
        _ => None,
    }
}

/// A bound of a range; whole literals become `i64`, so that no size is too large.
pub(crate) fn bound(bound: &Expr) -> TokenStream {
    match bound {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) if number.suffix().is_empty() => {
                let number = syn::LitInt::new(&format!("{}i64", number.base10_digits()), number.span());
                quote! { #number }
            }
            other => quote! { #other },
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            let inner = self::bound(&unary.expr);
            quote! { -#inner }
        }
        other => quote! { #other },
    }
}
