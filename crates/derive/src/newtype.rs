//! `#[value] struct Sku(String);`: a type around one value, written as that value.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemStruct, Path, Result, Type};

use crate::item::{check_stored, derives, paths, plain_name, refuse_generics, refuse_unstorable};
use crate::value::{Arguments, KEY_DERIVES, key_impl, skip_value};

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

pub(crate) fn expand(
    item: &ItemStruct,
    inner: &Type,
    arguments: &Arguments,
) -> Result<TokenStream> {
    refuse_generics(&item.generics, "a value")?;
    refuse_unstorable([inner].into_iter())?;
    let ident = &item.ident;
    let stored = check_stored([inner].into_iter());
    let mut wanted = vec!["Clone", "Debug", "PartialEq", "Serialize", "JsonSchema"];
    if arguments.key {
        wanted.extend(KEY_DERIVES);
    }
    if arguments.check.is_none() {
        wanted.push("Deserialize");
    }
    let derives = derives(&item.attrs, &wanted);
    let paths = paths(TokenStream::new());
    let key_impl =
        if arguments.key { key_impl(ident, &[(quote!(0), inner)]) } else { TokenStream::new() };
    let text = text_form(item, inner, arguments.key);
    let conversions = match &arguments.check {
        Some(check) => checked(item, inner, check),
        None if checks_itself(item)? => TokenStream::new(),
        None => unchecked(item, inner),
    };
    Ok(quote! {
        #stored
        #derives
        #paths
        #item
        #key_impl
        #text
        #conversions
        impl ::deeds::__private::values::Stored for #ident {}
    })
}

fn is_text(inner: &Type) -> bool {
    plain_name(inner).is_some_and(|name| name == "String")
}

/// Its text is that of the value within.
fn text_form(item: &ItemStruct, inner: &Type, key: bool) -> TokenStream {
    let ident = &item.ident;
    let values = quote!(::deeds::__private::values);
    let mut out = TokenStream::new();
    if plain_name(inner).is_some_and(|name| PLAIN.contains(&name.as_str())) {
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
    if is_text(inner) {
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
    out
}

/// From the value within.
fn unchecked(item: &ItemStruct, inner: &Type) -> TokenStream {
    let ident = &item.ident;
    let mut out = quote! {
        impl ::std::convert::From<#inner> for #ident {
            fn from(inner: #inner) -> Self {
                Self(inner)
            }
        }
    };
    if is_text(inner) {
        out.extend(quote! {
            impl ::std::convert::From<&str> for #ident {
                fn from(inner: &str) -> Self {
                    Self(inner.into())
                }
            }
        });
    }
    out
}

/// From the value within, if it passes the check; there is no other way in.
fn checked(item: &ItemStruct, inner: &Type, check: &Path) -> TokenStream {
    let (ident, visibility) = (&item.ident, &item.vis);
    let serde = quote!(::deeds::__private::serde);
    let mut out = quote! {
        impl #ident {
            /// Checks the value; the error says what is wrong with it.
            #visibility fn new(
                inner: impl ::std::convert::Into<#inner>,
            ) -> ::std::result::Result<Self, ::std::string::String> {
                let inner = ::std::convert::Into::into(inner);
                match #check(&inner) {
                    ::std::result::Result::Ok(()) => ::std::result::Result::Ok(Self(inner)),
                    ::std::result::Result::Err(reason) => {
                        ::std::result::Result::Err(::std::string::ToString::to_string(&reason))
                    }
                }
            }
        }
        impl ::std::convert::TryFrom<#inner> for #ident {
            type Error = ::std::string::String;
            fn try_from(inner: #inner) -> ::std::result::Result<Self, Self::Error> {
                Self::new(inner)
            }
        }
        impl<'de> #serde::Deserialize<'de> for #ident {
            fn deserialize<D: #serde::Deserializer<'de>>(
                from: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let inner = <#inner as #serde::Deserialize>::deserialize(from)?;
                Self::new(inner).map_err(#serde::de::Error::custom)
            }
        }
    };
    if is_text(inner) {
        out.extend(quote! {
            impl ::std::convert::TryFrom<&str> for #ident {
                type Error = ::std::string::String;
                fn try_from(inner: &str) -> ::std::result::Result<Self, Self::Error> {
                    Self::new(inner)
                }
            }
        });
    }
    out
}

/// With `#[serde(try_from = "...")]` the author checks the value within by hand: a conversion of
/// ours would go around it.
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
