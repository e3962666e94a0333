//! `#[value]`: a type that can be part of commands, events, rows and answers.

use proc_macro2::TokenStream;
use quote::quote;
use quote::quote_spanned;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, Fields, Ident, Item, ItemEnum, ItemStruct, LitStr, Result, Type, Variant};

use crate::item::{
    check_stored, derives, field_name, named_fields, paths, plain_name, refuse_generics, snake_case,
};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut key = false;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("key") {
            key = true;
            return Ok(());
        }
        Err(meta.error("a value takes `key` and nothing else"))
    });
    parser.parse2(arguments)?;
    let span = item.span();
    match syn::parse2(item)? {
        Item::Struct(item) => expand_struct(&item, key),
        Item::Enum(item) => expand_enum(&item, key),
        _ => Err(Error::new(span, "a value is a struct or an enum")),
    }
}

/// What every value derives. `Eq` and `Hash` only where all fields are sure to have them: a field
/// that cannot be stored is to be one error, not three.
const DERIVES: [&str; 6] =
    ["Clone", "Debug", "PartialEq", "Serialize", "Deserialize", "JsonSchema"];
const KEY_DERIVES: [&str; 4] = ["Eq", "PartialOrd", "Ord", "Hash"];

fn wanted(key: bool, copy: bool) -> Vec<&'static str> {
    let mut wanted = DERIVES.to_vec();
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
    let derives = derives(&item.attrs, &wanted(key, false));
    let stored = check_stored(item.fields.iter().map(|field| &field.ty));
    if let Fields::Unnamed(fields) = &item.fields
        && fields.unnamed.len() == 1
    {
        let inner = &fields.unnamed[0].ty;
        let key_impl = if key { key_impl(ident, &[(quote!(0), inner)]) } else { quote!() };
        let conversions = conversions(item, inner, key)?;
        let paths = paths(quote!());
        return Ok(
            quote! { #derives #paths #item #stored #key_impl #conversions #[automatically_derived]
            impl ::deeds::__private::values::Stored for #ident {} },
        );
    }
    let fields = named_fields(&item.fields, ident.span(), "a value")?;
    if fields.is_empty() {
        return Err(Error::new(
            ident.span(),
            "a value without fields says nothing: what is it for?",
        ));
    }
    let parts: Vec<(TokenStream, &Type)> = fields
        .iter()
        .map(|field| {
            let field_name = field_name(field);
            (quote!(#field_name), &field.ty)
        })
        .collect();
    let key_impl = if key { key_impl(ident, &parts) } else { quote!() };
    let paths = paths(quote!(deny_unknown_fields));
    Ok(quote! {
        #derives
        #paths
        #item
        #stored
        #key_impl
        impl ::deeds::__private::values::Stored for #ident {}
    })
}

fn key_impl(ident: &Ident, parts: &[(TokenStream, &Type)]) -> TokenStream {
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

/// Types that are written as one text or number: a value around one of them has a text form, and
/// can be the key of a stored map.
const PLAIN: [&str; 16] = [
    "String",
    "u8",
    "u16",
    "u32",
    "u64",
    "i8",
    "i16",
    "i32",
    "i64",
    "Int64",
    "Decimal",
    "Uid",
    "Date",
    "Timestamp",
    "ActorId",
    "Currency",
];

/// From and to the inner type, and its text.
fn conversions(item: &ItemStruct, inner: &Type, key: bool) -> Result<TokenStream> {
    let ident = &item.ident;
    let values = quote!(::deeds::__private::values);
    let inner_name = plain_name(inner).unwrap_or_default();
    let is_text = inner_name == "String";
    let mut out = TokenStream::new();
    if PLAIN.contains(&inner_name.as_str()) {
        out.extend(quote! {
            impl ::std::fmt::Display for #ident {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    ::std::fmt::Display::fmt(&self.0, f)
                }
            }
        });
        if key {
            out.extend(quote!(impl #values::MapKey for #ident {}));
        }
    }
    if is_text {
        out.extend(quote! {
            impl ::std::convert::AsRef<str> for #ident {
                fn as_ref(&self) -> &str {
                    &self.0
                }
            }
        });
        if key {
            out.extend(quote!(impl #values::TextKey for #ident {}));
        }
    }
    // With `#[serde(try_from = "…")]` the author checks the inner value: nothing may go around it.
    if checks_itself(item)? {
        return Ok(out);
    }
    out.extend(quote! {
        impl ::std::convert::From<#inner> for #ident {
            fn from(inner: #inner) -> Self {
                Self(inner)
            }
        }
    });
    if is_text {
        out.extend(quote! {
            impl ::std::convert::From<&str> for #ident {
                fn from(inner: &str) -> Self {
                    Self(inner.into())
                }
            }
        });
    }
    Ok(out)
}

fn checks_itself(item: &ItemStruct) -> Result<bool> {
    let mut checks = false;
    for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            checks |= meta.path.is_ident("try_from") || meta.path.is_ident("from");
            skip_value(&meta)
        })?;
    }
    Ok(checks)
}

fn skip_value(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Lit>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<TokenStream>()?;
    }
    Ok(())
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
    let fields = item.variants.iter().flat_map(|variant| &variant.fields);
    let stored = check_stored(fields.map(|field| &field.ty));
    for variant in &item.variants {
        if let Fields::Unnamed(fields) = &variant.fields
            && fields.unnamed.len() != 1
        {
            named_fields(&variant.fields, variant.ident.span(), "a variant")?;
        }
    }
    let mut out = quote! {
        #derives
        #paths
        #item
        #stored
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
