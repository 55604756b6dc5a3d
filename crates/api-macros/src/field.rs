//! `Field`: one field of the struct and what its attributes say.

use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprRange, Ident, Lit, LitInt, LitStr, RangeLimits, Result, Type};

/// One field of the struct and what its attributes say.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) name: LitStr,
    pub(crate) documentation: String,
    pub(crate) options: Options,
}

/// The attributes as written.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    pub(crate) importance: Option<Ident>,
    pub(crate) default: Option<Expr>,
    pub(crate) range: Option<ExprRange>,
    pub(crate) validate: Vec<Expr>,
    pub(crate) group: Option<LitStr>,
    pub(crate) order: Option<LitInt>,
    pub(crate) width: Option<Ident>,
    pub(crate) display: Option<LitStr>,
    pub(crate) dependents: Vec<LitStr>,
    pub(crate) recommend: Option<Expr>,
    pub(crate) class: bool,
    pub(crate) ty: Option<Ident>,
    pub(crate) flatten: bool,
}

impl Field {
    /// Reads the attributes of a field and checks what can be checked without its type's definition.
    pub(crate) fn read(field: &syn::Field) -> Result<Field> {
        let ident = field.ident.clone().ok_or_else(|| Error::new(field.span(), "a key needs a field with a name"))?;
        let options = Options::read(field)?;
        let name = options
            .name
            .clone()
            .unwrap_or_else(|| LitStr::new(&ident.unraw().to_string().replace('_', "."), ident.span()));
        let documentation = documentation(field);
        if documentation.is_empty() && !options.flatten {
            return Err(Error::new(
                ident.span(),
                format!("key `{}` has no documentation: give the field a doc comment", name.value()),
            ));
        }
        let field = Field { ident, ty: field.ty.clone(), name, documentation, options };
        field.check()?;
        Ok(field)
    }

    fn check(&self) -> Result<()> {
        let ty = simple_type(&self.ty);
        let number = matches!(
            ty.as_deref(),
            Some("i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "f64" | "Duration")
        );
        // Of types that are not known here, nothing can be said.
        let other = matches!(ty.as_deref(), Some("bool" | "String" | "Vec" | "Secret"));
        if let Some(range) = &self.options.range
            && other
        {
            return Err(Error::new(range.span(), "`range` is for numbers and durations"));
        }
        if self.options.class && ty.as_deref() != Some("String") {
            return Err(Error::new(self.ty.span(), "a field with `class` is a `String` or `Option<String>`"));
        }
        if let Some(name) = &self.options.ty
            && (!number || ty.as_deref() == Some("f64"))
        {
            return Err(Error::new(name.span(), "`type` is for whole numbers and durations"));
        }
        if let Some(default) = &self.options.default {
            check_default(ty.as_deref(), number, default)?;
        }
        Ok(())
    }
}

/// A literal default has to look like the field's type.
fn check_default(ty: Option<&str>, number: bool, default: &Expr) -> Result<()> {
    let literal = match default {
        Expr::Lit(literal) => &literal.lit,
        Expr::Unary(unary) if number => match &*unary.expr {
            Expr::Lit(literal) => &literal.lit,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let (fits, wanted) = match ty {
        Some("f64") => (matches!(literal, Lit::Int(_) | Lit::Float(_)), "a number"),
        _ if number => (matches!(literal, Lit::Int(_)), "a whole number; durations are in milliseconds"),
        Some("bool") => (matches!(literal, Lit::Bool(_)), "`true` or `false`"),
        Some("String" | "Secret") => (matches!(literal, Lit::Str(_)), "a text"),
        Some("Vec") => (matches!(literal, Lit::Str(_)), "a text such as \"a,b\", or a list of texts"),
        _ => (matches!(literal, Lit::Str(_) | Lit::Int(_) | Lit::Float(_) | Lit::Bool(_)), "a text, number or boolean"),
    };
    if fits { Ok(()) } else { Err(Error::new(default.span(), format!("the default of this field is {wanted}"))) }
}

/// The last name of a type's path, of the type inside for `Option`.
fn simple_type(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "Option" {
        return Some(last.ident.to_string());
    }
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(inner) => simple_type(inner),
        _ => None,
    }
}

/// The doc comment as running text: a blank line separates paragraphs, other line ends are blanks.
fn documentation(field: &syn::Field) -> String {
    let mut text = String::new();
    let mut paragraph_ends = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let syn::Meta::NameValue(meta) = &attribute.meta else { continue };
        let Expr::Lit(syn::ExprLit { lit: Lit::Str(line), .. }) = &meta.value else { continue };
        for line in line.value().split('\n').map(str::trim) {
            if line.is_empty() {
                paragraph_ends = !text.is_empty();
                continue;
            }
            if !text.is_empty() {
                text.push_str(if paragraph_ends { "\n\n" } else { " " });
            }
            paragraph_ends = false;
            text.push_str(line);
        }
    }
    text
}

impl Options {
    fn read(field: &syn::Field) -> Result<Options> {
        let mut options = Options::default();
        let mut seen: Vec<String> = Vec::new();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("config")) {
            attribute.parse_nested_meta(|meta| {
                let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                options.read_one(&word, &meta)?;
                if word != "validate" && seen.contains(&word) {
                    return Err(meta.error(format!("`{word}` is given twice")));
                }
                seen.push(word);
                Ok(())
            })?;
        }
        if options.flatten && seen.len() > 1 {
            return Err(Error::new(field.span(), "`flatten` stands alone: the struct inside defines its keys"));
        }
        Ok(options)
    }

    fn read_one(&mut self, word: &str, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match word {
            "name" => self.name = Some(name_of(meta.value()?.parse()?)?),
            "importance" => self.importance = Some(one_of(meta, &["high", "medium", "low"])?),
            "default" => self.default = Some(meta.value()?.parse()?),
            "range" => self.range = Some(range(meta.value()?.parse()?)?),
            "validate" => self.validate.push(meta.value()?.parse()?),
            "group" => self.group = Some(meta.value()?.parse()?),
            "order" => self.order = Some(meta.value()?.parse()?),
            "width" => self.width = Some(one_of(meta, &["none", "short", "medium", "long"])?),
            "display" => self.display = Some(meta.value()?.parse()?),
            "dependents" => self.dependents = texts(meta.value()?.parse()?)?,
            "recommend" => self.recommend = Some(meta.value()?.parse()?),
            "class" => self.class = true,
            "type" => self.ty = Some(one_of(meta, &["short", "int", "long"])?),
            "flatten" => self.flatten = true,
            _ => {
                return Err(meta.error(
                    "not an attribute of a key; there are name, importance, default, range, validate, group, order, width, display, \
                     dependents, recommend, class, type, flatten",
                ));
            }
        }
        Ok(())
    }
}

fn name_of(name: LitStr) -> Result<LitStr> {
    let text = name.value();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(Error::new(name.span(), "the name of a key is not empty and has no blanks"));
    }
    Ok(name)
}

fn one_of(meta: &ParseNestedMeta<'_>, words: &[&str]) -> Result<Ident> {
    let ident = Ident::parse_any(meta.value()?)?;
    if words.iter().any(|word| ident == word) {
        return Ok(ident);
    }
    Err(Error::new(ident.span(), format!("one of {} is expected", words.join(", "))))
}

fn texts(list: syn::ExprArray) -> Result<Vec<LitStr>> {
    list.elems
        .iter()
        .map(|item| match item {
            Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
            other => Err(Error::new(other.span(), "the name of a key, as text, is expected")),
        })
        .collect()
}

fn range(range: Expr) -> Result<ExprRange> {
    let Expr::Range(range) = range else {
        return Err(Error::new(range.span(), "a range is expected: `1..`, `..=10` or `1..=10`"));
    };
    match (&range.start, &range.limits, &range.end) {
        (None, _, None) => Err(Error::new(range.span(), "this range allows everything; give it a start or an end")),
        (_, RangeLimits::HalfOpen(_), Some(_)) => {
            Err(Error::new(range.span(), "the end of a range is included: write `..=`"))
        }
        _ => Ok(range),
    }
}
