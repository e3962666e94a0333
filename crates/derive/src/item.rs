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

/// Checks at compile time that each of the types may be stored; the compiler's words point at the
/// type where it is written.
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
