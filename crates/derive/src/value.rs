//! `#[value]`: a type that can be part of commands, events, rows and answers.
//!
//! A struct around one value is in `newtype`; here are structs with names and enums.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, Fields, Ident, Item, ItemEnum, ItemStruct, LitStr, Path, Result, Type, Variant};

use crate::item::{
    check_stored, derives, field_name, named_fields, paths, refuse_generics, refuse_unstorable,
    snake_case,
};
use crate::newtype;

/// What is said in `#[value(…)]`.
#[derive(Default)]
pub(crate) struct Arguments {
    /// Whether it is a key too.
    pub(crate) key: bool,
    /// What checks the one value within.
    pub(crate) check: Option<Path>,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = parse_arguments(arguments)?;
    let span = item.span();
    let item = syn::parse2(item)?;
    if let Item::Struct(item) = &item
        && let Fields::Unnamed(fields) = &item.fields
        && fields.unnamed.len() == 1
    {
        return newtype::expand(item, &fields.unnamed[0].ty, &arguments);
    }
    if let Some(check) = &arguments.check {
        let words = "`check` is for a struct around one value, like `struct Sku(String);`";
        return Err(Error::new(check.span(), words));
    }
    match item {
        Item::Struct(item) => expand_struct(&item, arguments.key),
        Item::Enum(item) => expand_enum(&item, arguments.key),
        _ => Err(Error::new(span, "a value is a struct or an enum")),
    }
}

fn parse_arguments(arguments: TokenStream) -> Result<Arguments> {
    let mut parsed = Arguments::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("key") {
            parsed.key = true;
            return Ok(());
        }
        if meta.path.is_ident("check") {
            parsed.check = Some(meta.value()?.parse()?);
            return Ok(());
        }
        Err(meta.error("a value takes `key` and `check = function`"))
    });
    parser.parse2(arguments)?;
    Ok(parsed)
}

/// What a key derives besides. No other value derives `Eq`: a field that cannot be stored is to be
/// one error, not three.
pub(crate) const KEY_DERIVES: [&str; 4] = ["Eq", "PartialOrd", "Ord", "Hash"];

fn wanted(key: bool, copy: bool) -> Vec<&'static str> {
    let mut wanted = vec!["Clone", "Debug", "PartialEq", "Serialize", "Deserialize", "JsonSchema"];
    if key {
        wanted.extend(KEY_DERIVES);
    }
    if copy {
        wanted.push("Copy");
    }
    wanted
}

fn expand_struct(item: &ItemStruct, key: bool) -> Result<TokenStream> {
    refuse_generics(&item.generics, "a value")?;
    let ident = &item.ident;
    let fields = named_fields(&item.fields, ident.span(), "a value")?;
    if fields.is_empty() {
        let words = "a value without fields says nothing: what is it for?";
        return Err(Error::new(ident.span(), words));
    }
    let types = || fields.iter().map(|field| &field.ty);
    refuse_unstorable(types())?;
    let stored = check_stored(types());
    let derives = derives(&item.attrs, &wanted(key, false));
    let paths = paths(quote!(deny_unknown_fields));
    let key_impl = if key {
        let names = fields.iter().map(|field| {
            let field_name = field_name(field);
            quote!(#field_name)
        });
        key_impl(ident, &names.zip(types()).collect::<Vec<_>>())
    } else {
        TokenStream::new()
    };
    Ok(quote! {
        #stored
        #derives
        #paths
        #item
        #key_impl
        impl ::deeds::__private::values::Stored for #ident {}
    })
}

/// Field by field, as the derived order compares them.
pub(crate) fn key_impl(ident: &Ident, parts: &[(TokenStream, &Type)]) -> TokenStream {
    let values = quote!(::deeds::__private::values);
    let encode = parts
        .iter()
        .map(|(name, ty)| quote_spanned!(ty.span()=> #values::Key::encode(&self.#name, out);));
    quote! {
        impl #values::Key for #ident {
            fn encode(&self, out: &mut #values::KeyBytes) {
                #(#encode)*
            }
        }
    }
}

fn expand_enum(item: &ItemEnum, key: bool) -> Result<TokenStream> {
    refuse_generics(&item.generics, "a value")?;
    let ident = &item.ident;
    if item.variants.is_empty() {
        return Err(Error::new(ident.span(), "an enum without variants has no values"));
    }
    let values = quote!(::deeds::__private::values);
    let bare = item.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit));
    let key = key || bare;
    let derives = derives(&item.attrs, &wanted(key, bare));
    let paths = paths(if bare {
        quote!(rename_all = "snake_case")
    } else {
        quote!(rename_all = "snake_case", deny_unknown_fields)
    });
    let types = || item.variants.iter().flat_map(|variant| &variant.fields).map(|field| &field.ty);
    refuse_unstorable(types())?;
    let stored = check_stored(types());
    for variant in &item.variants {
        if let Fields::Unnamed(fields) = &variant.fields
            && fields.unnamed.len() != 1
        {
            named_fields(&variant.fields, variant.ident.span(), "a variant")?;
        }
    }
    let mut out = quote! {
        #stored
        #derives
        #paths
        #item
        impl #values::Stored for #ident {}
    };
    if key {
        out.extend(enum_key(item)?);
    }
    if bare {
        let arms = item.variants.iter().map(|variant| {
            let ident = &variant.ident;
            written_name(variant).map(|name| quote!(Self::#ident => #name))
        });
        let arms = arms.collect::<Result<Vec<_>>>()?;
        out.extend(quote! {
            impl #values::MapKey for #ident {}
            impl ::std::fmt::Display for #ident {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.pad(match self { #(#arms),* })
                }
            }
        });
    }
    Ok(out)
}

/// The place of the variant, then its fields.
fn enum_key(item: &ItemEnum) -> Result<TokenStream> {
    let values = quote!(::deeds::__private::values);
    let mut arms = Vec::new();
    for (place, variant) in item.variants.iter().enumerate() {
        let Ok(place) = u8::try_from(place) else {
            return Err(Error::new(variant.span(), "a key's enum has at most 256 variants"));
        };
        if let Some((_, value)) = &variant.discriminant {
            let words = "a value's enum has no numbers: it is written by its names";
            return Err(Error::new(value.span(), words));
        }
        let ident = &variant.ident;
        arms.push(match &variant.fields {
            Fields::Unit => quote!(Self::#ident => out.push(#place)),
            Fields::Unnamed(fields) => {
                let span = fields.unnamed[0].ty.span();
                let encode = quote_spanned!(span=> #values::Key::encode(inner, out););
                quote!(Self::#ident(inner) => { out.push(#place); #encode })
            }
            Fields::Named(fields) => {
                let names: Vec<&Ident> = fields.named.iter().map(field_name).collect();
                let encode = fields.named.iter().map(|field| {
                    let name = field_name(field);
                    quote_spanned!(field.ty.span()=> #values::Key::encode(#name, out);)
                });
                quote!(Self::#ident { #(#names),* } => { out.push(#place); #(#encode)* })
            }
        });
    }
    let ident = &item.ident;
    Ok(quote! {
        impl #values::Key for #ident {
            fn encode(&self, out: &mut #values::KeyBytes) {
                match self { #(#arms),* }
            }
        }
    })
}

/// How a variant is written: in snake case, or as `#[serde(rename = "…")]` says.
pub(crate) fn written_name(variant: &Variant) -> Result<String> {
    let mut written = snake_case(&variant.ident.to_string());
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") && meta.input.peek(syn::Token![=]) {
                written = meta.value()?.parse::<LitStr>()?.value();
                return Ok(());
            }
            skip_value(&meta)
        })?;
    }
    Ok(written)
}

/// Moves past the value of a serde attribute.
pub(crate) fn skip_value(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Lit>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
}
