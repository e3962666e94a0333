//! What every macro asks of an item: its doc comment, its derives, its fields.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, Field, Fields, GenericArgument, Generics, Ident, Lit, Meta,
    Path, PathArguments, Result, Token, Type, punctuated::Punctuated,
};

/// The doc comment, without the space after the slashes.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            let text = text.value();
            lines.extend(
                text.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned()),
            );
        }
    }
    lines.join("\n").trim().to_owned()
}

/// The name, without `r#`.
pub(crate) fn name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// A variant's name in snake case, by serde's own rule, so that codes, role names and the written
/// form of enums agree.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `#[derive(…)]` of those of `wanted` that the author has not derived by hand.
pub(crate) fn derives(attributes: &[Attribute], wanted: &[&str]) -> TokenStream {
    let mut by_hand = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let paths = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        for path in paths.iter().flatten() {
            by_hand.extend(path.segments.last().map(|segment| segment.ident.to_string()));
        }
    }
    let missing = wanted.iter().filter(|wanted| !by_hand.iter().any(|hand| hand == *wanted));
    let paths = missing.map(|wanted| {
        let ident = Ident::new(wanted, Span::call_site());
        match *wanted {
            "Serialize" | "Deserialize" => quote!(::deeds::__private::serde::#ident),
            "JsonSchema" => quote!(::deeds::__private::schemars::#ident),
            _ => quote!(#ident),
        }
    });
    quote!(#[derive(#(#paths),*)])
}

/// `#[serde(…)]` and `#[schemars(…)]` of an item that derives all three: where the crates are, and
/// `more` for serde.
pub(crate) fn paths(more: TokenStream) -> TokenStream {
    quote! {
        #[serde(crate = "::deeds::__private::serde", #more)]
        #[schemars(crate = "::deeds::__private::schemars")]
    }
}

/// Type parameters would make one name stand for many stored types.
pub(crate) fn refuse_generics(generics: &Generics, what: &str) -> Result<()> {
    if generics.params.is_empty() {
        return Ok(());
    }
    let words = format!("{what} has no type parameters or lifetimes: its name stands for one type");
    Err(Error::new(generics.span(), words))
}

/// An attribute macro that takes no arguments got none.
pub(crate) fn refuse_arguments(arguments: &TokenStream, what: &str) -> Result<()> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(Error::new(arguments.span(), format!("`#[{what}]` takes no arguments")))
}

/// The fields of a struct that has names for them, or none at all.
pub(crate) fn named_fields<'a>(
    fields: &'a Fields,
    span: Span,
    what: &str,
) -> Result<Vec<&'a Field>> {
    match fields {
        Fields::Named(named) => Ok(named.named.iter().collect()),
        Fields::Unit => Ok(Vec::new()),
        Fields::Unnamed(_) => {
            let words = format!(
                "give the fields of {what} names: names are what stays readable when it changes"
            );
            Err(Error::new(span, words))
        }
    }
}

/// The name of a field that has one.
pub(crate) fn field_name(field: &Field) -> &Ident {
    field.ident.as_ref().expect("named fields have names")
}

/// Types that an author reaches for and that cannot be stored: why, and what instead. All others
/// that cannot be stored are found by [`check_stored`], with longer words.
const UNSTORABLE: [(&str, &str); 11] = [
    ("f32", FLOAT),
    ("f64", FLOAT),
    ("HashMap", "its order differs from run to run: use `BTreeMap`"),
    ("HashSet", "its order differs from run to run: use `BTreeSet`"),
    ("usize", "its size depends on the machine: use `u32` or `u64`"),
    ("isize", "its size depends on the machine: use `i32` or `i64`"),
    ("u128", "JSON does not carry it exactly: use `Decimal`"),
    ("i128", "JSON does not carry it exactly: use `Decimal`"),
    ("Uuid", "its form differs between JSON and MessagePack: use an id, `#[id] struct LotId;`"),
    ("SystemTime", "decisions know the chronicle's time only: use `Timestamp`"),
    ("Instant", "decisions know the chronicle's time only: use `Timestamp`"),
];
const FLOAT: &str = "sums of floats depend on their order, and not all floats have one: use \
                     `Decimal`, `Money`, or a whole number of a smaller unit (cents, grams)";

/// Refuses fields of types that cannot be stored, wherever they are in the field's type.
pub(crate) fn refuse_unstorable<'a>(types: impl Iterator<Item = &'a Type>) -> Result<()> {
    let mut errors: Option<Error> = None;
    for ty in types {
        if let Err(error) = refuse_within(ty) {
            match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            }
        }
    }
    errors.map_or(Ok(()), Err)
}

fn refuse_within(ty: &Type) -> Result<()> {
    match ty {
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Ok(()) };
            let name = last.ident.to_string();
            if let Some((name, why)) = UNSTORABLE.iter().find(|(listed, _)| *listed == name) {
                let words = format!("`{name}` cannot be stored in the chronicle: {why}");
                return Err(Error::new(ty.span(), words));
            }
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Ok(()) };
            arguments.args.iter().try_for_each(|argument| match argument {
                GenericArgument::Type(inner) => refuse_within(inner),
                _ => Ok(()),
            })
        }
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(refuse_within),
        Type::Array(array) => refuse_within(&array.elem),
        Type::Reference(_) => {
            let words = "what is stored owns its parts: use `String` for text, `Vec` for lists";
            Err(Error::new(ty.span(), words))
        }
        _ => Ok(()),
    }
}

/// Checks at compile time that each of the types may be stored; the compiler's words point at the
/// type where it is written. Goes before the item, to be the first of the compiler's words.
pub(crate) fn check_stored<'a>(types: impl Iterator<Item = &'a Type>) -> TokenStream {
    let checks = types.map(|ty| {
        quote_spanned! { ty.span()=> ::deeds::__private::values::stored::check::<#ty>(); }
    });
    quote! { const _: () = { #(#checks)* }; }
}

/// `Name<Inner>`: the inner type.
pub(crate) fn inner_of<'a>(ty: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match (arguments.args.len(), arguments.args.first()?) {
        (1, GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

/// The last name of a path without arguments: `String`, `u32`, `Uid`.
pub(crate) fn plain_name(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.arguments.is_none())?;
    Some(last.ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_is_read_as_it_is_written() {
        let item: syn::ItemStruct = syn::parse_quote! {
            /// One line,
            ///
            ///   indented.
            struct Thing;
        };
        assert_eq!(doc(&item.attrs), "One line,\n\n  indented.");
    }

    #[test]
    fn snake_case_is_that_of_serde() {
        assert_eq!(snake_case("NotEnough"), "not_enough");
        assert_eq!(snake_case("Placed"), "placed");
        assert_eq!(snake_case("UPSLabel"), "u_p_s_label");
    }
}
